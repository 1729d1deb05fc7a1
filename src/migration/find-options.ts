/** What a search for DEKs without documents, or documents without DEKs, is asked to do. @module */
import { ownProperties, readOptions, requireIntegerBetween, requireSignal } from '../guards.js';
import { ownSignal } from '../own-signal.js';

export interface FindMissingDeksOptions {
  /** Rows or documents under way at once, 1 to 1 000. @default 8 */
  readonly concurrency?: number;
  /** Stops before the next one; the generator then throws its reason. */
  readonly signal?: AbortSignal;
}

export interface FindOrphanDeksOptions extends FindMissingDeksOptions {
  /**
   * Rows younger than this are left out: a DEK is made before its document is written. 0 or more, by
   * the wall clock.
   *
   * @default 3 600 000
   */
  readonly minAgeMs?: number;
}

/** @internal */
export interface FindRequest {
  readonly concurrency: number;
  readonly signal: AbortSignal | undefined;
}

/** @internal */
export interface FindOrphansRequest extends FindRequest {
  readonly minAgeMs: number;
}

const OPTIONS: readonly (keyof FindMissingDeksOptions)[] = ['concurrency', 'signal'];
const DEFAULT_CONCURRENCY = 8;
const MOST_CONCURRENCY = 1_000;
const DEFAULT_MIN_AGE_MS = 3_600_000;

/** @throws TypeError or RangeError for options that make no sense. */
export function readFindOptions(
  options: FindMissingDeksOptions,
  more: readonly string[] = [],
): FindRequest {
  const own = readOptions(options, [...OPTIONS, ...more]);
  const { concurrency = DEFAULT_CONCURRENCY, signal } = own;
  requireIntegerBetween('concurrency', concurrency, 1, MOST_CONCURRENCY);
  if (signal !== undefined) requireSignal('signal', signal);
  return { concurrency, signal: ownSignal(signal) };
}

/** @throws TypeError or RangeError for options that make no sense. */
export function readFindOrphansOptions(options: FindOrphanDeksOptions): FindOrphansRequest {
  const request = readFindOptions(options, ['minAgeMs']);
  const { minAgeMs = DEFAULT_MIN_AGE_MS } = ownProperties(options);
  requireIntegerBetween('minAgeMs', minAgeMs, 0, Number.MAX_SAFE_INTEGER);
  return { ...request, minAgeMs };
}
