/** The budget of a run for key services, and the providers that keep to it. @module */
import { requireNumber } from '../guards/guards.js';
import type { ConfiguredProviders } from './configured-providers.js';
import {
  inTurnOf,
  pacedProvider,
  requireOpsPerSecond,
  VaultThrottle,
  type VaultThrottleOptions,
} from './vault-throttle.js';

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

/** The rate of this run; `undefined` for no limit. */
export type VaultBudgetLimits = Pick<VaultThrottleOptions, 'callsPerSecond'>;

export const BUDGET_OPTIONS: readonly (keyof VaultBudgetOptions)[] = [
  'maxVaultOpsPerSecond',
  'reserveForTraffic',
];
const DEFAULT_RESERVE = 0.2;

/** @throws TypeError or RangeError for invalid options. */
export function readBudgetOptions({
  maxVaultOpsPerSecond: rate,
  reserveForTraffic: reserve,
}: VaultBudgetOptions): VaultBudgetLimits {
  if (reserve !== undefined) {
    requireNumber('reserveForTraffic', reserve, 'a number from 0 to below 1', isShare);
  }
  if (rate !== undefined) {
    requireOpsPerSecond('maxVaultOpsPerSecond', rate);
    return { callsPerSecond: rate * (1 - (reserve ?? DEFAULT_RESERVE)) };
  }
  if (reserve === undefined) return { callsPerSecond: undefined };
  throw new RangeError(
    '"reserveForTraffic" is a share of "maxVaultOpsPerSecond": pass that as well',
  );
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

/**
 * Attempts of one call. Each waits out a pause first, so that together they span a minute where a service
 * names none.
 */
const MOST_ATTEMPTS = 6;

/** One for each run: the calls of all its workers to all providers count together. */
export class VaultBudget extends VaultThrottle {
  /** Returns the same providers, within the budget of this run. Live traffic keeps its own. */
  over(providers: ConfiguredProviders): ConfiguredProviders {
    const inTurn = inTurnOf(this, MOST_ATTEMPTS);
    return providers.mapped((each) => pacedProvider(each, inTurn));
  }

  inSummary<Summary extends object>(summary: Summary): Summary & VaultUse {
    const { calls: vaultOps, throttled } = this;
    return { ...summary, ...(vaultOps > 0 && { vaultOps }), ...(throttled > 0 && { throttled }) };
  }
}
