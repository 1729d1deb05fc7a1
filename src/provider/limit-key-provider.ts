/** Keeps the calls of a process to one key provider within a rate. @module */
import { systemClock, type Clock } from '../async/clock.js';
import { ownProperties, readOptions } from '../guards/guards.js';
import type { KeyWrap, WrapAlgorithm } from '../format/dek-row.js';
import type {
  DocumentedOpsOptions,
  KeyOperation,
  KeyProvider,
  KeyProviderOptions,
  LocalMek,
  WrapKeyOptions,
} from './key-provider.js';
import {
  LimitedCalls,
  OPS_LIMIT_OPTIONS,
  requireOpsLimit,
  type OpsLimitOptions,
} from './limited-calls.js';

export interface LimitKeyProviderOptions extends OpsLimitOptions {
  readonly maxOpsPerSecond: number;
  /** The source of time for waits. @default systemClock */
  readonly clock?: Clock;
}

const MAX_ATTEMPTS = 5;
const MAX_RETRY_DELAY_MS = 30_000;

/**
 * Returns the same provider, with calls that wait in a queue so that all of them together keep within a rate.
 *
 * For a key service with a quota whose provider has no such option; `AkvKeyProvider` has its own. Share the
 * returned provider among everything in the process that uses the key service. Calls that the provider names
 * in `localCalls` do not wait. Where the service still throttles, every call waits as long as it asks, up to
 * 30 s, and is tried at most five times.
 *
 * @throws TypeError or RangeError for invalid options. `wrapKey` and `unwrapKey` reject with KeyProviderError
 *   `KEY_PROVIDER_THROTTLED` where `maxQueued` calls are already waiting: try again later.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import { EnvKeyProvider } from '@bytelyst/field-encrypt';
 * import { limitKeyProvider } from '@bytelyst/field-encrypt/adapters';
 *
 * const provider = new EnvKeyProvider({ key: randomBytes(32).toString('base64') }); // or one of your own
 * const limited = limitKeyProvider(provider, { maxOpsPerSecond: 200, maxQueued: 5_000 });
 * console.log(limited.id); // "env"
 * ```
 */
export function limitKeyProvider(
  provider: KeyProvider,
  options: LimitKeyProviderOptions,
): KeyProvider {
  const own = readOptions(options, [...OPS_LIMIT_OPTIONS, 'clock']);
  requireOpsLimit(own);
  return new LimitedProvider(provider, own);
}

class LimitedProvider implements KeyProvider {
  readonly id: string;
  readonly mekName: string;
  readonly wrapAlgorithm: WrapAlgorithm;
  readonly localCalls: readonly KeyOperation[];
  readonly localMeks: readonly LocalMek[];
  readonly #provider: KeyProvider;
  readonly #calls: LimitedCalls;

  constructor(provider: KeyProvider, options: LimitKeyProviderOptions) {
    const { clock = systemClock } = options;
    this.id = provider.id;
    this.mekName = provider.mekName;
    this.wrapAlgorithm = provider.wrapAlgorithm;
    this.localCalls = provider.localCalls ?? [];
    this.localMeks = provider.localMeks ?? [];
    this.#provider = provider;
    this.#calls = new LimitedCalls(options, {
      clock,
      maxAttempts: MAX_ATTEMPTS,
      maxRetryDelayMs: MAX_RETRY_DELAY_MS,
    });
  }

  currentVersion(options?: KeyProviderOptions): Promise<string> {
    return this.#provider.currentVersion(options);
  }

  wrapKey(dek: Uint8Array, options: WrapKeyOptions): Promise<KeyWrap> {
    return this.#perform('wrapKey', options, (own) => this.#provider.wrapKey(dek, own));
  }

  unwrapKey(wrap: KeyWrap, options: KeyProviderOptions = {}): Promise<Uint8Array> {
    return this.#perform('unwrapKey', options, (own) => this.#provider.unwrapKey(wrap, own));
  }

  async documentedOpsPerSecond(options: DocumentedOpsOptions): Promise<number | undefined> {
    ownProperties(options).signal?.throwIfAborted();
    return this.#provider.documentedOpsPerSecond?.(options);
  }

  #perform<T, Options extends KeyProviderOptions>(
    operation: KeyOperation,
    given: Options,
    call: (options: Options) => Promise<T>,
  ): Promise<T> {
    const own = ownProperties(given);
    if (this.localCalls.includes(operation)) return call(own);
    return this.#calls.inTurn(own, (pacing) => call({ ...own, ...pacing }));
  }
}
