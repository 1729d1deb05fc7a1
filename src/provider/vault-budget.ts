/** The budget of a run for key services, and the providers that keep to it. @module */
import type { Clock } from '../async/clock.js';
import type { WorkLimit } from '../async/concurrency.js';
import type { KeyWrap, WrapAlgorithm } from '../format/dek-row.js';
import { requireNumber } from '../guards/guards.js';
import { callInTurn, type Pacer } from './call-in-turn.js';
import type { ConfiguredProviders } from './configured-providers.js';
import type {
  DocumentedOpsOptions,
  KeyOperation,
  KeyProvider,
  KeyProviderOptions,
  WrapKeyOptions,
} from './key-provider.js';
import { VaultThrottle } from './vault-throttle.js';

/** For every run that goes through rows and calls a key service for each. */
export interface VaultBudgetOptions {
  /**
   * Operations per second that this run and live traffic may use together, averaged over ten seconds: the
   * quota of the vault, or the part of it that you assign. Above 0 and up to 1 000 000; a fraction is
   * allowed. Calls are then spread evenly, and wait their turn.
   *
   * @default none: limited by `concurrency` alone
   */
  readonly maxVaultOpsPerSecond?: number;
  /**
   * The share of `maxVaultOpsPerSecond` that this run leaves to other callers, from 0 to below 1.
   *
   * @default 0.2
   */
  readonly reserveForTraffic?: number;
}

export interface VaultBudgetLimits {
  /** The rate of this run; `undefined` for no limit. */
  readonly callsPerSecond: number | undefined;
}

export const BUDGET_OPTIONS: readonly (keyof VaultBudgetOptions)[] = [
  'maxVaultOpsPerSecond',
  'reserveForTraffic',
];
const DEFAULT_RESERVE = 0.2;
const MOST_OPS_PER_SECOND = 1_000_000;

/** @throws TypeError or RangeError for invalid options. */
export function readBudgetOptions({
  maxVaultOpsPerSecond,
  reserveForTraffic,
}: VaultBudgetOptions): VaultBudgetLimits {
  if (reserveForTraffic !== undefined) {
    requireNumber('reserveForTraffic', reserveForTraffic, 'a number from 0 to below 1', isShare);
  }
  if (maxVaultOpsPerSecond === undefined) {
    if (reserveForTraffic === undefined) return { callsPerSecond: undefined };
    throw new RangeError(
      '"reserveForTraffic" is a share of "maxVaultOpsPerSecond": pass that as well',
    );
  }
  requireNumber(
    'maxVaultOpsPerSecond',
    maxVaultOpsPerSecond,
    `a number above 0 and up to ${String(MOST_OPS_PER_SECOND)}`,
    (value) => value > 0 && value <= MOST_OPS_PER_SECOND,
  );
  return { callsPerSecond: maxVaultOpsPerSecond * (1 - (reserveForTraffic ?? DEFAULT_RESERVE)) };
}

function isShare(value: number): boolean {
  return value >= 0 && value < 1;
}

/** Part of a run's summary, next to its counts. */
export interface VaultUse {
  /**
   * Operations that the run requested from key services, throttled ones included. Reads of a version, which a
   * provider makes from time to time, are not included. Absent where there was none.
   */
  readonly vaultOps?: number;
  /** The operations among them that a key service throttled; each was retried. */
  readonly throttled?: number;
}

/** One for each run: the calls of all its workers to all providers count together. */
export class VaultBudget implements WorkLimit {
  readonly #throttle: VaultThrottle;

  constructor(limits: VaultBudgetLimits, concurrency: number, clock: Clock) {
    this.#throttle = new VaultThrottle({ ...limits, concurrency, clock });
  }

  /** How many rows may be in flight now, for `settleConcurrently`: falls when a service throttles. */
  get limit(): number {
    return this.#throttle.concurrency;
  }

  /** Ends the wait of calls for a turn or a pause; calls that were sent already complete. */
  abandon(): void {
    this.#throttle.close();
  }

  /** Calls of the run to key services so far. */
  get calls(): number {
    return this.#throttle.calls;
  }

  /** The rate limit of the run; `undefined` for none. */
  get callsPerSecond(): number | undefined {
    return this.#throttle.callsPerSecond;
  }

  /** Returns the same providers, within the budget of this run. Live traffic keeps its own. */
  over(providers: ConfiguredProviders): ConfiguredProviders {
    return providers.mapped((each) => new BudgetedProvider(each, this.#throttle));
  }

  inSummary<Summary extends object>(summary: Summary): Summary & VaultUse {
    const { calls: vaultOps, throttled } = this.#throttle;
    return { ...summary, ...(vaultOps > 0 && { vaultOps }), ...(throttled > 0 && { throttled }) };
  }
}

/**
 * Attempts of one call. Each waits out a pause first, so that together they span a minute where a service
 * names none.
 */
const MOST_ATTEMPTS = 6;

class BudgetedProvider implements KeyProvider {
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
