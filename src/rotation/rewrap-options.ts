/** What a rewrap is asked to do, checked before anything happens. @module */
import {
  ownProperties,
  requireBoolean,
  requireIdentifier,
  requireIntegerBetween,
  requireKnownOptions,
  requireOneOf,
  requirePlainObject,
  requireSignal,
} from '../guards.js';
import {
  BUDGET_OPTIONS,
  readBudgetOptions,
  type VaultBudgetLimits,
  type VaultBudgetOptions,
} from '../provider/budget-options.js';
import type { ConfiguredProviders } from '../provider/configured-providers.js';
import { isMekVersion, type MekReference } from '../provider/key-wrap.js';
import type { WorkLimit } from '../settle-concurrently.js';
import type { RowPolicy, VerifyMode } from './row-rewrapper.js';

/** The exact MEK version to rotate to. There is no "latest". */
export interface RewrapTarget {
  readonly mekVersion: string;
  /** May be left out where one provider alone is configured. */
  readonly keyProvider?: string;
  /** Needed only where providers with this id differ in it. */
  readonly mekName?: string;
}

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
  /** Stops before the next row; the generator then throws its reason. Run again to go on. */
  readonly signal?: AbortSignal;
}

/** @internal */
export interface CheckedRewrapOptions extends RowPolicy {
  readonly target: MekReference;
  readonly concurrency: number;
  readonly limits: VaultBudgetLimits;
  readonly dryRun: boolean;
  readonly takeOver: boolean;
  readonly signal: AbortSignal | undefined;
}

/** @internal */
export interface RewrapRequest extends Omit<CheckedRewrapOptions, 'concurrency'> {
  /** As the budget of the run has it now. */
  readonly concurrency: WorkLimit;
}

const OPTIONS: readonly (keyof RewrapAllDeksOptions)[] = [
  'target',
  'sourceVersion',
  'concurrency',
  'verify',
  'dryRun',
  'takeOver',
  'signal',
  ...BUDGET_OPTIONS,
];
const DEFAULT_CONCURRENCY = 8;
const MOST_CONCURRENCY = 1_000;

/** @throws TypeError or RangeError for options that make no sense. */
export function readRewrapOptions(
  options: RewrapAllDeksOptions,
  providers: ConfiguredProviders,
): CheckedRewrapOptions {
  requirePlainObject('options', options);
  requireKnownOptions(options, OPTIONS);
  const own = ownProperties(options as RewrapAllDeksOptions);
  const { concurrency = DEFAULT_CONCURRENCY, verify = 'all', dryRun = false } = own;
  const { takeOver = false, sourceVersion, signal } = own;
  requireIntegerBetween('concurrency', concurrency, 1, MOST_CONCURRENCY);
  requireOneOf('verify', verify, ['all', 'first', 'none']);
  requireBoolean('dryRun', dryRun);
  requireBoolean('takeOver', takeOver);
  if (sourceVersion !== undefined) requireMekVersion('sourceVersion', sourceVersion);
  if (signal !== undefined) requireSignal('signal', signal);
  const limits = readBudgetOptions(own);
  const target = readTarget(own.target, providers);
  return { target, sourceVersion, concurrency, limits, verify, dryRun, takeOver, signal };
}

function readTarget(target: RewrapTarget, providers: ConfiguredProviders): MekReference {
  requirePlainObject('target', target);
  const { mekVersion, keyProvider, mekName } = ownProperties(target as unknown as RewrapTarget);
  requireMekVersion('target.mekVersion', mekVersion);
  if (keyProvider !== undefined) requireIdentifier('target.keyProvider', keyProvider);
  if (mekName !== undefined) requireIdentifier('target.mekName', mekName);
  const provider = providers.only(keyProvider, mekName);
  return { keyProvider: provider.id, mekName: provider.mekName, mekVersion };
}

function requireMekVersion(name: string, value: unknown): asserts value is string {
  requireIdentifier(name, value);
  if (isMekVersion(value)) return;
  throw new RangeError(
    `"${name}" expected 1 to 128 letters, digits, ".", "_" or "-", got another text`,
  );
}
