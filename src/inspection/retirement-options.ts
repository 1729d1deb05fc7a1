/** What a MEK version is to be retired for, checked before anything happens. @module */
import { readOptions, requireFunction, requireIntegerBetween } from '../guards/guards.js';
import type { ConfiguredProviders } from '../provider/configured-providers.js';
import type { MekReference } from '../format/key-wrap.js';
import { readAnyMek, type NamedMek } from '../provider/named-mek.js';
import type { FenceEvent } from '../run/run-event.js';
import { readRunOptions, type RunRequest } from '../run/run-options.js';

export interface AssertRetirableOptions {
  /**
   * The version to be retired. Where provider and MEK name are both given, it may be of a provider that
   * is configured no more.
   */
  readonly mek: NamedMek;
  /**
   * How long a backup of the DEK store is kept, point-in-time restores included; 0 for none, up to a
   * hundred years. Rows of a restored backup need the version that they were under.
   */
  readonly backupWindowMs: number;
  /** Called at least each second of the wait with what is left of it; what it throws rejects. */
  readonly onWait?: (event: FenceEvent) => void;
  /** Rejects with its reason. */
  readonly signal?: AbortSignal;
}

/** @internal */
export interface RetirementRequest extends RunRequest {
  readonly mek: MekReference;
  readonly backupWindowMs: number;
  readonly onWait: ((event: FenceEvent) => void) | undefined;
}

const OPTIONS: readonly (keyof AssertRetirableOptions)[] = [
  'mek',
  'backupWindowMs',
  'onWait',
  'signal',
];
const MOST_BACKUP_WINDOW_MS = 3_155_760_000_000;

/** @throws TypeError or RangeError for options that make no sense. */
export function readRetirementOptions(
  options: AssertRetirableOptions,
  providers: ConfiguredProviders,
): RetirementRequest {
  const { mek, backupWindowMs, onWait, signal } = readOptions(options, OPTIONS);
  requireIntegerBetween('backupWindowMs', backupWindowMs, 0, MOST_BACKUP_WINDOW_MS);
  if (onWait !== undefined) requireFunction('onWait', onWait);
  const { request } = readRunOptions({ dryRun: true, ...(signal !== undefined && { signal }) });
  return { ...request, mek: readAnyMek('mek', mek, providers), backupWindowMs, onWait };
}
