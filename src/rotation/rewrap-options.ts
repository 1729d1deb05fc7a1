/** The options of a rotation, validated before anything happens. @module */
import type { MekReference } from '../format/key-wrap.js';
import { requireBoolean, requireOneOf } from '../guards/guards.js';
import type { ConfiguredProviders } from '../provider/configured-providers.js';
import { readConfiguredMek, requireMekVersion, type NamedMek } from '../provider/named-mek.js';
import type { RunContext } from '../run/run-context.js';
import { readRunOptions, type RunOptions, type RunRequest } from '../run/run-options.js';
import type { DekOpening, RowPolicy, VerifyMode } from './row-rewrapper.js';
import { readShard, type RewrapShard } from './rewrap-passes.js';

/** The exact MEK version to rotate to. There is no "latest". */
export type RewrapTarget = NamedMek;

export interface RewrapAllDeksOptions extends RunOptions {
  readonly target: RewrapTarget;
  /** Rewraps only rows of this MEK version; the others are reported as skipped. @default all */
  readonly sourceVersion?: string;
  /**
   * Whether each new wrap is unwrapped again before it replaces the old one (`'all'`), only the first
   * (`'first'`), or none (`'none'`). The latter two save calls, and rely on the previous wrap that each row
   * keeps.
   *
   * @default 'all'
   */
  readonly verify?: VerifyMode;
  /** Starts although a rotation to another target is unfinished. @default false */
  readonly takeOver?: boolean;
  /**
   * This process is one of several that share the rotation: it rewraps its part of the rows, then helps with
   * what the others have not done, and ends when nothing is left of the whole. A dry run reads its part
   * alone.
   *
   * @default all rows
   */
  readonly shard?: RewrapShard;
}

/** `target` is the version to go back to; `verify` applies to rows that have to be rewrapped. */
export interface RollbackRotationOptions extends Omit<RewrapAllDeksOptions, 'sourceVersion'> {
  /**
   * Unwraps each previous wrap before it is restored, at the price of one provider call for each row. A row
   * whose previous wrap is broken is rewrapped instead. @default false
   */
  readonly verifyFlips?: boolean;
}

export interface RewrapRequest extends RowPolicy, RunRequest {
  readonly target: MekReference;
  readonly takeOver: boolean;
  readonly shard: RewrapShard | undefined;
}

const OF_A_ROLLBACK = ['target', 'verify', 'takeOver', 'shard'] as const;

/** @throws TypeError or RangeError for invalid options. */
export function readRewrapOptions(
  options: RewrapAllDeksOptions,
  providers: ConfiguredProviders,
): RewrapRequest {
  const { own, request } = readRunOptions(options, [...OF_A_ROLLBACK, 'sourceVersion']);
  const { sourceVersion } = own;
  const rotation = readRotation(own, providers);
  if (sourceVersion !== undefined) requireMekVersion('sourceVersion', sourceVersion);
  return { ...request, ...rotation, sourceVersion };
}

/** @throws TypeError or RangeError for invalid options. */
export function readRollbackOptions(
  options: RollbackRotationOptions,
  providers: ConfiguredProviders,
): RewrapRequest {
  const { own, request } = readRunOptions(options, [...OF_A_ROLLBACK, 'verifyFlips']);
  const { verifyFlips = false } = own;
  requireBoolean('verifyFlips', verifyFlips);
  const rotation = readRotation(own, providers);
  return { ...request, ...rotation, sourceVersion: undefined, rollback: { verifyFlips } };
}

function readRotation(
  own: RollbackRotationOptions,
  providers: ConfiguredProviders,
): Pick<RewrapRequest, 'shard' | 'takeOver' | 'target' | 'verify'> {
  const { verify = 'all', takeOver = false } = own;
  const shard = own.shard === undefined ? undefined : readShard(own.shard);
  requireOneOf('verify', verify, ['all', 'first', 'none']);
  requireBoolean('takeOver', takeOver);
  return { target: readConfiguredMek('target', own.target, providers), verify, takeOver, shard };
}

export interface RotationContext extends RunContext {
  readonly target: MekReference;
  readonly request: RewrapRequest;
  /** @default each row's own wrap */
  readonly opening?: DekOpening | undefined;
}
