/** The options that flags describe. @module */
import type { RewrapTarget, RunOptions } from '@bytelyst/field-encrypt';
import { UsageError } from '../command-line/usage-error.js';
import type { ModeContext } from './mode.js';

/** The options of every run. */
export function runOptionsOf({ flags, signal }: ModeContext): RunOptions {
  return {
    signal,
    ...defined({
      concurrency: flags.concurrency,
      dryRun: flags['dry-run'],
      maxFailures: flags['max-failures'],
      maxVaultOpsPerSecond: flags['max-vault-ops'],
      reserveForTraffic: flags['reserve-for-traffic'],
      allowEmpty: flags['allow-empty'],
    }),
  };
}

const EVERY_FAILURE = 1_000_000_000;

/** A dry run that counts every failure, and does not stop at the first hundred. */
export function countingDryRun(context: ModeContext): RunOptions {
  return { ...runOptionsOf(context), dryRun: true, maxFailures: EVERY_FAILURE };
}

/**
 * A MEK version, with the provider where one is named.
 *
 * @throws UsageError where two MEK names are passed.
 */
export function namedMek({ flags }: Pick<ModeContext, 'flags'>, mekVersion: string): RewrapTarget {
  const { 'key-provider': provider, 'mek-name': name } = flags;
  if (name !== undefined && (provider?.mekName ?? name) !== name) {
    throw new UsageError('--key-provider names another MEK than --mek-name: leave one of them out');
  }
  return { mekVersion, ...provider, ...defined({ mekName: name ?? provider?.mekName }) };
}

/**
 * The MEK version of a flag that may be absent.
 *
 * @throws UsageError for `--key-provider` or `--mek-name` without the version that they belong to: they would have no
 *   effect.
 */
export function optionalMek(
  context: Pick<ModeContext, 'flags'>,
  flag: 'mek-version' | 'new-mek-version',
): RewrapTarget | undefined {
  const { flags } = context;
  const version = flags[flag];
  if (version !== undefined) return namedMek(context, version);
  const alone = (['key-provider', 'mek-name'] as const).find((name) => flags[name] !== undefined);
  if (alone === undefined) return undefined;
  throw new UsageError(`--${alone} belongs to --${flag}: pass the version too, or leave it out`);
}

/** For a flag without which the mode is refused. */
export function required<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new TypeError('A flag that the mode needs was not checked');
  return value;
}

/** Options that were not passed are absent, not `undefined`. */
export function defined<Options extends object>(
  options: Options,
): { readonly [Name in keyof Options]?: Exclude<Options[Name], undefined> } {
  const present = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present) as ReturnType<typeof defined<Options>>;
}
