/** Scans every row of a product for reasons why a MEK version is still needed. @module */
import type { RetirementReason } from '../errors/retirement-reason.js';
import { isLive, type LiveDekRow, isSameMek, type MekReference } from '../format/dek-row.js';
import type { RotationRecord, RotationHistoryEntry } from '../format/rotation-record.js';
import { idOf } from '../run/change-row.js';
import type { StoredItem } from '../store/dek-store.js';
import { CensusCount } from './census-count.js';
import {
  backupsReason,
  currentTargetReason,
  NamedRows,
  rowsReason,
  unfinishedReason,
} from './retirement-reasons.js';
import type { Census } from './take-census.js';

export class RetirementScan {
  readonly #mek: MekReference;
  readonly #record: RotationRecord;
  readonly #count: CensusCount;
  readonly #departure: Departure;
  readonly #under = new NamedRows();
  readonly #previousWraps = new NamedRows();
  readonly #behind = new NamedRows();
  readonly #ahead = new NamedRows();
  #highestEpoch: number;
  readonly #unreadable = new NamedRows();
  #lastToLeave: string | undefined;

  constructor(product: string, record: RotationRecord, mek: MekReference) {
    this.#mek = mek;
    this.#record = record;
    this.#highestEpoch = record.epoch;
    this.#count = new CensusCount(product, record);
    this.#departure = departureFrom(record, mek);
  }

  add(item: StoredItem): void {
    const row = this.#count.add(item);
    if (!row) this.#unreadable.add(idOf(item));
    else if (isLive(row)) this.#addLive(row);
  }

  get census(): Census {
    return this.#count.result();
  }

  /** The highest epoch of the rows and the record: that of a rotation that began meanwhile. */
  get highestEpoch(): number {
    return this.#highestEpoch;
  }

  /** When the last row left the version, by stored times; absent while some row may be under it. */
  get leftAt(): string | undefined {
    const isInUse = this.#under.rows + this.#unreadable.rows > 0;
    const { leftAt } = this.#departure;
    if (leftAt === undefined || isInUse) return undefined;
    return latest([leftAt, this.#lastToLeave]);
  }

  /** All reasons, at a time on the waiter's own wall clock. */
  reasons(nowMs: number, backupWindowMs: number): readonly RetirementReason[] {
    return [
      ...this.#ofRecord(),
      ...rowsReason('rows', this.#under),
      ...rowsReason('previous-wraps', this.#previousWraps),
      ...rowsReason('rows-behind', this.#behind),
      ...rowsReason('rows-ahead', this.#ahead),
      ...rowsReason('unreadable-rows', this.#unreadable),
      ...this.#ofBackups(nowMs, backupWindowMs),
    ];
  }

  #addLive(row: LiveDekRow): void {
    const { id, epoch, previousWrap } = row;
    this.#highestEpoch = Math.max(this.#highestEpoch, epoch);
    if (previousWrap && isSameMek(previousWrap, this.#mek)) this.#previousWraps.add(id);
    this.#addDeparture(row);
    if (isSameMek(row, this.#mek)) this.#under.add(id);
    else if (epoch > this.#record.epoch) this.#ahead.add(id);
    else if (epoch < this.#record.epoch || !isSameMek(row, this.#record)) this.#behind.add(id);
  }

  /** A rerun may have found the row long after its rotation completed. */
  #addDeparture({ rewrappedAt, previousWrap }: LiveDekRow): void {
    if (rewrappedAt === undefined) return;
    const { nextAt } = this.#departure;
    const hasLeftIt = previousWrap !== undefined && isSameMek(previousWrap, this.#mek);
    if (!hasLeftIt && nextAt !== undefined && rewrappedAt >= nextAt) return;
    this.#lastToLeave = latest([this.#lastToLeave, rewrappedAt]);
  }

  #ofRecord(): readonly RetirementReason[] {
    const record = this.#record;
    return [
      ...(isSameMek(record, this.#mek) ? [currentTargetReason(true)] : []),
      ...(record.state === 'complete' ? [] : [unfinishedReason(record)]),
    ];
  }

  #ofBackups(nowMs: number, backupWindowMs: number): readonly RetirementReason[] {
    const { leftAt } = this;
    const leftMs = leftAt === undefined ? nowMs : Date.parse(leftAt);
    const untilMs = leftMs + backupWindowMs;
    return untilMs > nowMs ? [backupsReason(new Date(untilMs).toISOString(), leftAt)] : [];
  }
}

interface Departure {
  /** When the first rotation after the version completed; absent where none did. */
  readonly leftAt: string | undefined;
  /** When the following rotation began: a row that was moved before then may have left late. */
  readonly nextAt: string | undefined;
}

/**
 * The first rotation that finished after the version was last the target has found no row under it in two
 * scans. Where the record does not name the version, the oldest rotation that it names counts.
 */
function departureFrom(record: RotationRecord, mek: MekReference): Departure {
  const rotations: readonly RotationHistoryEntry[] = [...record.history, record];
  const last = rotations.findLastIndex((each) => isSameMek(each, mek));
  const finished = rotations.findIndex(
    ({ completedAt }, index) => index > last && completedAt !== undefined,
  );
  if (finished < 0) return { leftAt: undefined, nextAt: undefined };
  // No time can be right that is before an earlier written one: the latest of them counts.
  const times = rotations.slice(0, finished + 1).flatMap(timesOf);
  return { leftAt: latest(times), nextAt: rotations[finished + 1]?.startedAt };
}

/** Compares times as they are stored. */
function latest(times: readonly (string | undefined)[]): string | undefined {
  return times.reduce(
    (newest, time) => (time !== undefined && time > (newest ?? '') ? time : newest),
    undefined,
  );
}

function timesOf({ startedAt, completedAt }: RotationHistoryEntry): readonly string[] {
  return completedAt === undefined ? [startedAt] : [startedAt, completedAt];
}
