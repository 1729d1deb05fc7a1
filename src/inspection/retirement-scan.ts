/** Scans every row of a product for reasons why a MEK version is still needed. @module */
import type { RetirementReason } from '../errors/retirement-reason.js';
import {
  describeMek,
  isLive,
  isSameMek,
  type LiveDekRow,
  mekIn,
  type MekReference,
} from '../format/dek-row.js';
import type { RotationRecord, RotationHistoryEntry } from '../format/rotation-record.js';
import { idOf } from '../run/change-row.js';
import { KnownMeks, meksOfLiveRow, meksOfRecord, unknownMek } from '../run/known-meks.js';
import type { StoredItem } from '../store/dek-store.js';
import { type Census, CensusCount } from './take-census.js';

/** Some of the rows: how many, and the ids of the first ones. */
class NamedRows {
  static readonly #MOST_NAMED = 10;
  readonly dekIds: string[] = [];
  rows = 0;

  add(dekId: string): void {
    this.rows += 1;
    if (this.dekIds.length < NamedRows.#MOST_NAMED) this.dekIds.push(dekId);
  }
}

const MOST_IN_MESSAGE = 3;

const ROWS = {
  rows: ['rows under it', 'run the rotation again'],
  'previous-wraps': [
    'rows that keep a previous wrap under it',
    'run prunePreviousWraps after the soak',
  ],
  'other-provider': [
    'rows under the same version of another key provider, which may be the same key',
    'ask for it under the name of that provider too, and disable neither before both may be',
  ],
  'rows-behind': ['other rows that the rotation has not moved', 'run the rotation again'],
  'rows-ahead': [
    'rows above the epoch of the rotation record',
    'restore the newest record, or the rows if only they were altered',
  ],
  'unreadable-rows': [
    'rows that cannot be read',
    'find all of them with findUnreadableRows, and restore them or upgrade',
  ],
} as const;

/** @returns Nothing where there are no such rows. */
function rowsReason(
  type: keyof typeof ROWS,
  { rows, dekIds }: NamedRows,
): readonly RetirementReason[] {
  if (rows === 0) return [];
  const [what, then] = ROWS[type];
  const first = dekIds.slice(0, MOST_IN_MESSAGE).join(', ');
  const more = rows > MOST_IN_MESSAGE ? ', …' : '';
  const message = `${what}: ${String(rows)}${first === '' ? '' : ` (${first}${more})`}; ${then}`;
  return [{ type, rows, dekIds, message }];
}

function unfinishedReason(record: RotationRecord): RetirementReason {
  const { epoch, startedAt } = record;
  const message = `the rotation to ${describeMek(record)} with epoch ${String(epoch)}, begun ${startedAt}, is not finished; finish it`;
  return { type: 'rotation-unfinished', epoch, target: mekIn(record), startedAt, message };
}

export function currentTargetReason(hasRecord: boolean): RetirementReason {
  const message = hasRecord
    ? 'new DEKs are wrapped with it; rotate to another version'
    : 'there is no rotation record yet, so the first DEK may be wrapped with it; call again when there is one';
  return { type: 'current-target', message };
}

export function fenceReason(): RetirementReason {
  const message =
    'the rotation record was written meanwhile, and writers may still use the previous one; try again';
  return { type: 'fence', message };
}

function backupsReason(until: string, leftAt: string | undefined): RetirementReason {
  if (leftAt === undefined) {
    const message = `backups of the DEK store made up to now need it until ${until}, and later ones for longer; wait for them to expire`;
    return { type: 'backups', until, message };
  }
  const message = `backups of the DEK store made before ${leftAt} need it until ${until}; wait for them to expire`;
  return { type: 'backups', leftAt, until, message };
}

export class RetirementScan {
  readonly #mek: MekReference;
  readonly #record: RotationRecord;
  readonly #count: CensusCount;
  readonly #departure: Departure;
  readonly #under = new NamedRows();
  readonly #previousWraps = new NamedRows();
  readonly #otherProvider = new NamedRows();
  readonly #known = new KnownMeks();
  readonly #behind = new NamedRows();
  readonly #ahead = new NamedRows();
  /** The highest epoch of the rows and the record: that of a rotation that began meanwhile. */
  highestEpoch: number;
  readonly #unreadable = new NamedRows();
  #lastToLeave: string | undefined;

  constructor(product: string, record: RotationRecord, mek: MekReference) {
    this.#mek = mek;
    this.#record = record;
    this.highestEpoch = record.epoch;
    this.#count = new CensusCount(product, record);
    this.#known.add(...meksOfRecord(record));
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

  /** When the last row left the version, by stored times; absent while some row may be under it. */
  get leftAt(): string | undefined {
    const isInUse = this.#under.rows + this.#unreadable.rows > 0;
    const { leftAt } = this.#departure;
    if (leftAt === undefined || isInUse) return undefined;
    return latest([leftAt, this.#lastToLeave]);
  }

  /** @throws RangeError where neither the record nor a row has the version, from any provider. */
  requireKnown(product: string): void {
    const mek = this.#mek;
    if (this.#under.rows + this.#previousWraps.rows + this.#otherProvider.rows > 0) return;
    const isMeant = (each: MekReference): boolean =>
      isSameMek(each, mek) || isSameKeyElsewhere(each, mek);
    if (meksOfRecord(this.#record).some(isMeant)) return;
    const name = describeMek(mek);
    throw unknownMek(product, { option: 'mek', name, hint: this.#known.hintFor(name) });
  }

  /** All reasons, at a time on the waiter's own wall clock. */
  reasons(nowMs: number, backupWindowMs: number): readonly RetirementReason[] {
    const record = this.#record;
    const { leftAt } = this;
    const untilMs = (leftAt === undefined ? nowMs : Date.parse(leftAt)) + backupWindowMs;
    return [
      ...(isSameMek(record, this.#mek) ? [currentTargetReason(true)] : []),
      ...(record.state === 'complete' ? [] : [unfinishedReason(record)]),
      ...rowsReason('rows', this.#under),
      ...rowsReason('previous-wraps', this.#previousWraps),
      ...this.#otherProviderReason(),
      ...rowsReason('rows-behind', this.#behind),
      ...rowsReason('rows-ahead', this.#ahead),
      ...rowsReason('unreadable-rows', this.#unreadable),
      ...(untilMs > nowMs ? [backupsReason(new Date(untilMs).toISOString(), leftAt)] : []),
    ];
  }

  #addLive(row: LiveDekRow): void {
    const { id, epoch, previousWrap } = row;
    this.highestEpoch = Math.max(this.highestEpoch, epoch);
    if (previousWrap && isSameMek(previousWrap, this.#mek)) this.#previousWraps.add(id);
    this.#addDeparture(row);
    this.#addNames(row);
    if (isSameMek(row, this.#mek)) this.#under.add(id);
    else if (epoch > this.#record.epoch) this.#ahead.add(id);
    else if (epoch < this.#record.epoch || !isSameMek(row, this.#record)) this.#behind.add(id);
  }

  #addNames(row: LiveDekRow): void {
    const meks = meksOfLiveRow(row);
    this.#known.add(...meks);
    if (meks.some((each) => isSameKeyElsewhere(each, this.#mek))) this.#otherProvider.add(row.id);
  }

  /** Without rows, new DEKs alone may be wrapped by the other provider. */
  #otherProviderReason(): readonly RetirementReason[] {
    const { rows, dekIds } = this.#otherProvider;
    const found = rowsReason('other-provider', this.#otherProvider);
    if (found.length > 0 || !isSameKeyElsewhere(this.#record, this.#mek)) return found;
    const message = `new DEKs are wrapped with the same version of the key provider "${this.#record.keyProvider}", which may be the same key; rotate to another version`;
    return [{ type: 'other-provider', rows, dekIds, message }];
  }

  /** A rerun may have found the row long after its rotation completed. */
  #addDeparture({ rewrappedAt, previousWrap }: LiveDekRow): void {
    if (rewrappedAt === undefined) return;
    const { nextAt } = this.#departure;
    const hasLeftIt = previousWrap !== undefined && isSameMek(previousWrap, this.#mek);
    if (!hasLeftIt && nextAt !== undefined && rewrappedAt >= nextAt) return;
    this.#lastToLeave = latest([this.#lastToLeave, rewrappedAt]);
  }
}

/** A version of a key service is unique; one of the environment is derived from the key. */
function isSameKeyElsewhere(one: MekReference, other: MekReference): boolean {
  const { keyProvider, mekName, mekVersion } = other;
  const isSameVersion = one.mekVersion === mekVersion && one.mekName === mekName;
  return isSameVersion && one.keyProvider !== keyProvider;
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
