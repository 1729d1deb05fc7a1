/** How much a run may use a key service, validated before anything happens. @module */
import { requireNumber } from '../guards/guards.js';

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
