import type { KeyProviderOptions, KeyWrap, WrapKeyOptions } from '../../../src/adapters.js';
import {
  KeyProviderError,
  type Clock,
  type EnvKeyProvider,
  type KeyProvider,
} from '../../../src/index.js';
import type { Throttled } from '../azure/key-vault/quota.js';
import { Quota, type QuotaOptions } from '../azure/key-vault/quota.js';

/** One operation as it reached the vault. */
export interface VaultOp {
  readonly operation: 'unwrapKey' | 'wrapKey';
  readonly atMs: number;
  /** The caller, where it is known. */
  readonly by: string;
  readonly throttled: boolean;
}

/** Refuses an operation; `undefined` lets it through. @param count - Of this one, from 1 on. */
export type Refuse = (count: number) => { readonly retryAfterMs?: number } | undefined;

/** A key service that counts, takes its time and has a quota, all on a clock. */
export class MeteredVault {
  readonly ops: VaultOp[] = [];
  mostInFlight = 0;
  /** Of each operation. */
  latencyMs = 0;
  refuse: Refuse = () => undefined;
  readonly #clock: Clock;
  readonly #keys: EnvKeyProvider;
  #quota: Quota | undefined;
  #inFlight = 0;

  constructor(keys: EnvKeyProvider, clock: Clock) {
    this.#keys = keys;
    this.#clock = clock;
  }

  /** A new budget from now on, or none. */
  limit(quota: QuotaOptions | undefined): void {
    this.#quota = quota && new Quota(this.#clock, quota);
  }

  /** As one process sees it: no member says what is done where. */
  provider(by = 'rewrap'): KeyProvider {
    const { id, mekName, wrapAlgorithm } = this.#keys;
    return {
      ...{ id, mekName, wrapAlgorithm },
      currentVersion: (options) => this.#keys.currentVersion(options),
      wrapKey: (dek: Uint8Array, options: WrapKeyOptions) =>
        this.#serve({ operation: 'wrapKey', by }, options, () => this.#keys.wrapKey(dek, options)),
      unwrapKey: (wrap: KeyWrap, options: KeyProviderOptions = {}) =>
        this.#serve({ operation: 'unwrapKey', by }, options, () =>
          this.#keys.unwrapKey(wrap, options),
        ),
    };
  }

  /** Those that were served, of one process or of all. */
  served(by?: string): readonly VaultOp[] {
    return this.ops.filter((each) => !each.throttled && (by === undefined || each.by === by));
  }

  /** Those that were refused, of one process or of all. */
  refused(by?: string): readonly VaultOp[] {
    return this.ops.filter((each) => each.throttled && (by === undefined || each.by === by));
  }

  forget(): void {
    this.ops.length = 0;
    this.mostInFlight = this.#inFlight;
  }

  async #serve<T>(
    op: Pick<VaultOp, 'by' | 'operation'>,
    { signal }: KeyProviderOptions,
    work: () => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    this.#inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.#inFlight);
    try {
      const refusal = this.#admit();
      this.ops.push({ ...op, atMs: this.#clock.monotonicMs(), throttled: refusal !== undefined });
      if (this.latencyMs > 0) await this.#clock.sleep(this.latencyMs, signal);
      if (refusal) throw refusal;
      return await work();
    } finally {
      this.#inFlight -= 1;
    }
  }

  #admit(): KeyProviderError | undefined {
    const refused = this.refuse(this.ops.length + 1);
    if (refused) return throttling(refused.retryAfterMs);
    try {
      this.#quota?.take();
      return undefined;
    } catch (error) {
      const { retryAfter } = error as Throttled;
      return throttling(retryAfter === undefined ? undefined : retryAfter * 1_000);
    }
  }
}

function throttling(retryAfterMs: number | undefined): KeyProviderError {
  return new KeyProviderError('KEY_PROVIDER_THROTTLED', 'Too many operations', {
    retryable: true,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

const WINDOW_MS = 10_000;

/** The most operations in any ten seconds. */
export function mostInTenSeconds(ops: readonly VaultOp[]): number {
  let [most, first] = [0, 0];
  for (const [at, { atMs }] of ops.entries()) {
    while ((ops[first]?.atMs ?? 0) <= atMs - WINDOW_MS) first += 1;
    most = Math.max(most, at - first + 1);
  }
  return most;
}
