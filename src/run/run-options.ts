/** The options of every run, validated before anything happens. @module */
import { ownCallOptions, type CallOptions } from '../async/call-options.js';
import { requireBoolean, requireIntegerBetween } from '../guards/guards.js';
import {
  BUDGET_OPTIONS,
  readBudgetOptions,
  type VaultBudgetLimits,
  type VaultBudgetOptions,
} from '../provider/budget-options.js';

/** The options of every run that changes something. */
export interface RunOptions extends CallOptions, VaultBudgetOptions {
  /**
   * Most items in flight, 1 to 1 000. When the key service throttles, all of them wait as long as it asks;
   * half as many continue, and one more after each round that succeeded.
   *
   * @default 8
   */
  readonly concurrency?: number;
  /** Reads every item, and writes nothing. @default false */
  readonly dryRun?: boolean;
}

export interface RunRequest {
  readonly concurrency: number;
  readonly limits: VaultBudgetLimits;
  readonly dryRun: boolean;
  readonly signal: AbortSignal | undefined;
}

export const RUN_OPTIONS: readonly (keyof RunOptions)[] = [
  'concurrency',
  'dryRun',
  ...BUDGET_OPTIONS,
];
const DEFAULT_CONCURRENCY = 8;
const MOST_CONCURRENCY = 1_000;

/**
 * @param more - Names of options that only this run has, and validates itself.
 * @returns The options' own properties, and the request that they describe.
 * @throws TypeError or RangeError for invalid options.
 */
export function readRunOptions<Options extends RunOptions>(
  options: Options,
  more: readonly (keyof Options & string)[] = [],
): { readonly own: Options; readonly request: RunRequest } {
  const own = ownCallOptions(options, [...more, ...RUN_OPTIONS]);
  const { dryRun = false, signal } = own;
  const concurrency = readConcurrency(own.concurrency);
  requireBoolean('dryRun', dryRun);
  const request = {
    concurrency,
    limits: readBudgetOptions(own),
    dryRun,
    signal,
  };
  return { own, request };
}

/** The number of items that a run, or a search, has in flight. */
export function readConcurrency(concurrency: number = DEFAULT_CONCURRENCY): number {
  requireIntegerBetween('concurrency', concurrency, 1, MOST_CONCURRENCY);
  return concurrency;
}
