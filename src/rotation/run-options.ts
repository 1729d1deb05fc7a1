/** What every run over DEK rows is asked, checked before anything happens. @module */
import { requireBoolean, requireIntegerBetween, requireSignal } from '../guards.js';
import { ownSignal } from '../own-signal.js';
import {
  readBudgetOptions,
  type VaultBudgetLimits,
  type VaultBudgetOptions,
} from '../provider/budget-options.js';

interface RunOptions extends VaultBudgetOptions {
  readonly concurrency?: number;
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

export interface RunRequest {
  readonly concurrency: number;
  readonly limits: VaultBudgetLimits;
  readonly dryRun: boolean;
  readonly signal: AbortSignal | undefined;
}

const DEFAULT_CONCURRENCY = 8;
const MOST_CONCURRENCY = 1_000;

/**
 * @param options - Own properties alone; others than these are passed over.
 * @throws TypeError or RangeError for options that make no sense.
 */
export function readRunOptions(options: RunOptions): RunRequest {
  const { concurrency = DEFAULT_CONCURRENCY, dryRun = false, signal } = options;
  requireIntegerBetween('concurrency', concurrency, 1, MOST_CONCURRENCY);
  requireBoolean('dryRun', dryRun);
  if (signal !== undefined) requireSignal('signal', signal);
  return { concurrency, limits: readBudgetOptions(options), dryRun, signal: ownSignal(signal) };
}
