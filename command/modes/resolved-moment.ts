/** Moments that a flag names, or that a duration before now stands for. @module */
import { type FlagName, variableOf } from '../command-line/flags.js';
import { UsageError } from '../command-line/usage-error.js';
import type { ModeContext } from './mode.js';

export interface MomentFlags {
  /** The flag with the moment itself. */
  readonly moment: 'created-before' | 'rewrapped-before';
  /** The flag with a duration: the moment is so long ago. */
  readonly duration: 'older-than' | 'soak';
  /** Used where neither flag is passed. */
  readonly defaultMs?: number | undefined;
  /** Where the default would come from. */
  readonly defaultText?: string;
}

/**
 * The command that resumes names the moment: the same duration would be another one later.
 *
 * @returns An instant in UTC.
 * @throws UsageError unless exactly one of the flags is passed.
 */
export function resolvedMoment(context: ModeContext, flags: MomentFlags): string {
  const { clock, output } = context;
  const instant = passedMoment(context, flags);
  const nowMs = clock.wallMs();
  if (instant !== undefined) {
    if (Date.parse(instant) <= nowMs) return instant;
    throw new UsageError(
      `--${flags.moment} is ${instant}, which is in the future: pass a past one`,
    );
  }
  const ms = context.flags[flags.duration] ?? flags.defaultMs;
  if (ms === undefined) throw new UsageError(neither(flags));
  const resolved = new Date(nowMs - ms).toISOString();
  output.note(`--${flags.moment} is ${resolved}`);
  context.resumeFlags = {
    ...context.resumeFlags,
    [flags.duration]: false,
    [flags.moment]: resolved,
  };
  return resolved;
}

/** A printed command has the moment, and runs where the duration is a variable. */
function passedMoment(context: ModeContext, { moment, duration }: MomentFlags): string | undefined {
  const instant = context.flags[moment];
  if (instant === undefined || context.flags[duration] === undefined) return instant;
  const [isMomentSet, isDurationSet] = [isVariable(context, moment), isVariable(context, duration)];
  if (isMomentSet === isDurationSet) {
    throw new UsageError(`--${moment} and --${duration} are both passed: keep one of them`);
  }
  if (isMomentSet) return undefined;
  context.resumeFlags = { ...context.resumeFlags, [duration]: false };
  return instant;
}

function isVariable({ env, raw }: ModeContext, name: FlagName): boolean {
  return env[variableOf(name) ?? ''] === raw[name];
}

function neither({ moment, duration, defaultText }: MomentFlags): string {
  const or = defaultText === undefined ? '' : `, or set ${defaultText} in the configuration`;
  return `Pass --${duration} or --${moment}${or}`;
}
