/**
 * A key provider within the budget of a run: calls wait their turn, and throttled calls are retried. @module
 */
import { callInTurn, type Pacer } from './call-in-turn.js';
import type {
  DocumentedOpsOptions,
  KeyOperation,
  KeyProvider,
  KeyProviderOptions,
  WrapKeyOptions,
} from './key-provider.js';
import type { KeyWrap, WrapAlgorithm } from '../format/dek-row.js';
import type { VaultThrottle } from './vault-throttle.js';

/**
 * Attempts of one call. Each waits out a pause first, so that together they span a minute where a service
 * names none.
 */
const MOST_ATTEMPTS = 6;

export class BudgetedProvider implements KeyProvider {
  readonly id: string;
  readonly mekName: string;
  readonly wrapAlgorithm: WrapAlgorithm;
  readonly localCalls: readonly KeyOperation[];
  readonly #provider: KeyProvider;
  readonly #throttle: VaultThrottle;

  constructor(provider: KeyProvider, throttle: VaultThrottle) {
    this.id = provider.id;
    this.mekName = provider.mekName;
    this.wrapAlgorithm = provider.wrapAlgorithm;
    this.localCalls = provider.localCalls ?? [];
    this.#provider = provider;
    this.#throttle = throttle;
  }

  currentVersion(options?: KeyProviderOptions): Promise<string> {
    return this.#provider.currentVersion(options);
  }

  wrapKey(dek: Uint8Array, options: WrapKeyOptions): Promise<KeyWrap> {
    return this.#perform('wrapKey', options, (pacing) =>
      this.#provider.wrapKey(dek, { ...options, ...pacing }),
    );
  }

  unwrapKey(wrap: KeyWrap, options: KeyProviderOptions = {}): Promise<Uint8Array> {
    return this.#perform('unwrapKey', options, (pacing) =>
      this.#provider.unwrapKey(wrap, { ...options, ...pacing }),
    );
  }

  documentedOpsPerSecond(options: DocumentedOpsOptions): Promise<number | undefined> {
    return this.#provider.documentedOpsPerSecond?.(options) ?? Promise.resolve(undefined);
  }

  #perform<T>(
    operation: KeyOperation,
    { signal }: KeyProviderOptions,
    work: (pacing: KeyProviderOptions) => Promise<T>,
  ): Promise<T> {
    return this.localCalls.includes(operation) ? work({}) : this.#inTurn(work, signal);
  }

  #inTurn<T>(
    work: (pacing: KeyProviderOptions) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const throttle = this.#throttle;
    const pacer: Pacer = {
      enter: () => throttle.enter(signal),
      turn: () => throttle.turn(signal),
      leave: () => {
        throttle.leave();
      },
      served: (pass) => {
        throttle.served(pass);
      },
      throttle: (pass, retryAfterMs) => {
        throttle.throttle(pass, retryAfterMs);
      },
    };
    return callInTurn(pacer, MOST_ATTEMPTS, work);
  }
}
