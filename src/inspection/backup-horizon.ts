/** When a product left a MEK version, as far as stored times tell. @module */
import { isSameMek, type MekReference } from '../format/key-wrap.js';
import type { RotationHistoryEntry, RotationRecord } from '../format/rotation-record.js';

export interface Departure {
  /** When the first rotation after the version was complete; absent where none was. */
  readonly leftAt: string | undefined;
  /** When the next rotation after that began: a row that was moved before may have been late to leave. */
  readonly nextAt: string | undefined;
}

/**
 * Two scans of the first rotation that finished after the version was last the target have found no row
 * under it. Where the record does not name the version, the oldest rotation that it knows counts.
 */
export function departureFrom(record: RotationRecord, mek: MekReference): Departure {
  const rotations: readonly RotationHistoryEntry[] = [...record.history, record];
  const last = rotations.findLastIndex((each) => isSameMek(each, mek));
  const finished = rotations.findIndex(
    ({ completedAt }, index) => index > last && completedAt !== undefined,
  );
  if (finished < 0) return { leftAt: undefined, nextAt: undefined };
  // No time can be right that is before one that was written earlier: the latest of them counts.
  const times = rotations.slice(0, finished + 1).flatMap(timesOf);
  return { leftAt: latest(times), nextAt: rotations[finished + 1]?.startedAt };
}

/** Of times as they are stored. */
export function latest(times: readonly (string | undefined)[]): string | undefined {
  return times.reduce(
    (newest, time) => (time !== undefined && time > (newest ?? '') ? time : newest),
    undefined,
  );
}

function timesOf({ startedAt, completedAt }: RotationHistoryEntry): readonly string[] {
  return completedAt === undefined ? [startedAt] : [startedAt, completedAt];
}
