/** What a rewrap is asked to do, checked before anything happens. @module */
import { readOptions, requireBoolean, requireOneOf } from '../guards.js';
import { BUDGET_OPTIONS, type VaultBudgetOptions } from '../provider/budget-options.js';
import type { ConfiguredProviders } from '../provider/configured-providers.js';
import type { MekReference } from '../provider/key-wrap.js';
import { readConfiguredMek, requireMekVersion, type NamedMek } from '../provider/named-mek.js';
import type { WorkLimit } from '../settle-concurrently.js';
import { readShard, type RewrapShard } from './rewrap-shard.js';
import { readRunOptions, type RunRequest } from './run-options.js';
import type { RowPolicy, VerifyMode } from './row-rewrapper.js';

/** The exact MEK version to rotate to. There is no "latest". */
export type RewrapTarget = NamedMek;

export interface RewrapAllDeksOptions extends VaultBudgetOptions {
  readonly target: RewrapTarget;
  /** Rewraps only rows of this MEK version; the others are reported as skipped. @default all */
  readonly sourceVersion?: string;
  /**
   * Rows under way at once at most, 1 to 1 000. When the key service throttles, all of them wait as
   * long as it asks; half as many go on, and one more after each round that went well.
   *
   * @default 8
   */
  readonly concurrency?: number;
  /**
   * Whether each new wrap is unwrapped again before it replaces the old one (`'all'`), or just the
   * first (`'first'`), or none: that saves calls, and leans on the previous wrap that is kept.
   *
   * @default 'all'
   */
  readonly verify?: VerifyMode;
  /** Unwraps and checks every row, and writes nothing at all. @default false */
  readonly dryRun?: boolean;
  /** Begins although a rotation to another target is unfinished. @default false */
  readonly takeOver?: boolean;
  /**
   * This process is one of several that share the rotation: it rewraps its part of the rows, then
   * helps with what the others have not done, and ends when nothing is left of the whole. A dry run
   * looks at its part alone.
   *
   * @default all rows
   */
  readonly shard?: RewrapShard;
  /** Stops before the next row; the generator then throws its reason. Run again to go on. */
  readonly signal?: AbortSignal;
}

/** @internal */
export interface CheckedRewrapOptions extends RowPolicy, RunRequest {
  readonly target: MekReference;
  readonly takeOver: boolean;
  readonly shard: RewrapShard | undefined;
}

/** @internal */
export interface RewrapRequest extends Omit<CheckedRewrapOptions, 'concurrency'> {
  /** As the budget of the run has it now. */
  readonly concurrency: WorkLimit;
}

export const REWRAP_OPTIONS: readonly (keyof RewrapAllDeksOptions)[] = [
  'target',
  'sourceVersion',
  'concurrency',
  'verify',
  'dryRun',
  'takeOver',
  'shard',
  'signal',
  ...BUDGET_OPTIONS,
];

/** @throws TypeError or RangeError for options that make no sense. */
export function readRewrapOptions(
  options: RewrapAllDeksOptions,
  providers: ConfiguredProviders,
): CheckedRewrapOptions {
  const own = readOptions(options, REWRAP_OPTIONS);
  const { verify = 'all', takeOver = false, sourceVersion } = own;
  const run = readRunOptions(own);
  const shard = own.shard === undefined ? undefined : readShard(own.shard);
  requireOneOf('verify', verify, ['all', 'first', 'none']);
  requireBoolean('takeOver', takeOver);
  if (sourceVersion !== undefined) requireMekVersion('sourceVersion', sourceVersion);
  const target = readConfiguredMek('target', own.target, providers);
  return { ...run, target, sourceVersion, verify, takeOver, shard };
}
