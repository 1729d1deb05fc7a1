/** What an upkeep of DEK rows is asked to do, checked before anything happens. @module */
import { readOptions } from '../guards.js';
import { BUDGET_OPTIONS, type VaultBudgetOptions } from '../provider/budget-options.js';
import { readRunOptions, type RunRequest } from '../rotation/run-options.js';

export interface UpkeepOptions extends VaultBudgetOptions {
  /** Rows under way at once, 1 to 1 000. @default 8 */
  readonly concurrency?: number;
  /** Looks at every row, and writes nothing at all. @default false */
  readonly dryRun?: boolean;
  /** Stops before the next row; the generator then throws its reason. Run again to go on. */
  readonly signal?: AbortSignal;
}

/** @internal */
export type UpkeepRequest = RunRequest;

const OPTIONS: readonly (keyof UpkeepOptions)[] = [
  'concurrency',
  'dryRun',
  'signal',
  ...BUDGET_OPTIONS,
];

/**
 * @param more - Names of options that only this upkeep has, and checks itself.
 * @throws TypeError or RangeError for options that make no sense.
 */
export function readUpkeepOptions(
  options: UpkeepOptions,
  more: readonly string[] = [],
): UpkeepRequest {
  return readRunOptions(readOptions(options, [...more, ...OPTIONS]));
}
