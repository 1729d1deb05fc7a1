/** What a run may ask of a key service, checked before anything happens. @module */
import { requireNumber } from '../guards/guards.js';

/** For every run that goes through rows and asks a key service about each. */
export interface VaultBudgetOptions {
  /**
   * Operations a second that this run and live traffic may ask of the key service together, as ten
   * seconds have ten times as many: the quota of the vault, or the part that you give them. Above 0
   * and up to 1 000 000; less than one a second is fine. Calls are then spread evenly, and wait.
   *
   * @default none: as many as `concurrency` comes to
   */
  readonly maxVaultOpsPerSecond?: number;
  /**
   * The share of `maxVaultOpsPerSecond` that this run leaves to others, from 0 to below 1.
   *
   * @default 0.2
   */
  readonly reserveForTraffic?: number;
}

export interface VaultBudgetLimits {
  /** What this run may take; `undefined` for no limit. */
  readonly callsPerSecond: number | undefined;
}

export const BUDGET_OPTIONS: readonly (keyof VaultBudgetOptions)[] = [
  'maxVaultOpsPerSecond',
  'reserveForTraffic',
];
const DEFAULT_RESERVE = 0.2;
const MOST_OPS_PER_SECOND = 1_000_000;

/** @throws TypeError or RangeError for options that make no sense. */
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
