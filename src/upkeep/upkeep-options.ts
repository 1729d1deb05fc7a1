/** What an upkeep of DEK rows is asked to do, checked before anything happens. @module */
import {
  ownProperties,
  requireBoolean,
  requireIntegerBetween,
  requireKnownOptions,
  requirePlainObject,
  requireSignal,
} from '../guards.js';
import {
  BUDGET_OPTIONS,
  readBudgetOptions,
  type VaultBudgetLimits,
  type VaultBudgetOptions,
} from '../provider/budget-options.js';

export interface UpkeepOptions extends VaultBudgetOptions {
  /** Rows under way at once, 1 to 1 000. @default 8 */
  readonly concurrency?: number;
  /** Looks at every row, and writes nothing at all. @default false */
  readonly dryRun?: boolean;
  /** Stops before the next row; the generator then throws its reason. Run again to go on. */
  readonly signal?: AbortSignal;
}

/** @internal */
export interface UpkeepRequest {
  readonly concurrency: number;
  readonly limits: VaultBudgetLimits;
  readonly dryRun: boolean;
  readonly signal: AbortSignal | undefined;
}

const OPTIONS: readonly (keyof UpkeepOptions)[] = [
  'concurrency',
  'dryRun',
  'signal',
  ...BUDGET_OPTIONS,
];
const DEFAULT_CONCURRENCY = 8;
const MOST_CONCURRENCY = 1_000;

/**
 * @param more - Names of options that only this upkeep has, and checks itself.
 * @throws TypeError or RangeError for options that make no sense.
 */
export function readUpkeepOptions(
  options: UpkeepOptions,
  more: readonly string[] = [],
): UpkeepRequest {
  requirePlainObject('options', options);
  requireKnownOptions(options, [...more, ...OPTIONS]);
  const own = ownProperties(options as UpkeepOptions);
  const { concurrency = DEFAULT_CONCURRENCY, dryRun = false, signal } = own;
  requireIntegerBetween('concurrency', concurrency, 1, MOST_CONCURRENCY);
  requireBoolean('dryRun', dryRun);
  if (signal !== undefined) requireSignal('signal', signal);
  return { concurrency, limits: readBudgetOptions(own), dryRun, signal };
}
