/** A rotation that this process takes part in: how it begins, moves on, and decides on a row. @module */
import { timestampOf } from '../async/clock.js';
import { requireCredible } from '../dek/dek-bounds.js';
import type { RecordCopy, RecordReader } from '../dek/record-reader.js';
import { FieldEncryptionError } from '../errors/errors.js';
import {
  type DekRow,
  type LiveDekRow,
  describeMek,
  mekIn,
  type MekReference,
  isSameMek,
} from '../format/dek-row.js';
import { requireNoMac } from '../format/item-shape.js';
import { type RotationRecord, begunRecord } from '../format/rotation-record.js';
import { tryWrite, untilDone } from '../store/compare-and-set.js';
import type { DekStore } from '../store/dek-store.js';
import type { RewrapRequest, RotationContext } from './rewrap-all-deks.js';

export class Rotation {
  readonly epoch: number;
  readonly target: MekReference;
  /** As last read: an operator may raise it meanwhile. */
  generationFloor: number;
  readonly #records: RecordReader;
  readonly #dekStore: DekStore;

  constructor({ records, dekStore }: RotationContext, record: RotationRecord) {
    this.#records = records;
    this.#dekStore = dekStore;
    this.epoch = record.epoch;
    this.target = mekIn(record);
    this.generationFloor = record.generationFloor;
  }

  /**
   * Returns the current record, which still belongs to this rotation.
   *
   * @throws FieldEncryptionError `ROTATION_SUPERSEDED` when another rotation has begun since.
   */
  async read(): Promise<RecordCopy> {
    return this.#own(await this.#records.read());
  }

  /**
   * What to say of a row above this rotation's epoch, once reads cannot lag behind it any more.
   *
   * @throws FieldEncryptionError `ROTATION_SUPERSEDED` when another rotation has begun since.
   */
  async rowAhead(row: LiveDekRow): Promise<FieldEncryptionError> {
    this.#own(await this.#records.readForRow(row));
    return rowAhead(row, this.epoch);
  }

  #own(copy: RecordCopy | undefined): RecordCopy {
    if (copy?.record.epoch !== this.epoch) throw superseded(this.epoch, copy?.record);
    this.generationFloor = copy.record.generationFloor;
    return copy;
  }

  /**
   * Reads the record again when the local copy is older than a writer's copy may be, or has another epoch;
   * and once more where the read itself took that long.
   */
  requireFresh(): Promise<void> {
    return this.#records.requireFresh(() => this.read(), this.epoch);
  }

  /**
   * Replaces the copy with the record's next state.
   *
   * @returns `undefined` where another write came first: read it again, and decide anew.
   */
  replace({ etag }: RecordCopy, next: RotationRecord): Promise<unknown> {
    const landed = async (): Promise<true | undefined> =>
      (await this.read()).record.state === next.state ? true : undefined;
    return tryWrite<unknown>(() => this.#dekStore.replaceItem(next, etag), landed);
  }
}

export function superseded(epoch: number, by: RotationRecord | undefined): FieldEncryptionError {
  const what = by
    ? `is at epoch ${String(by.epoch)} now, with the target ${describeMek(by)}`
    : 'no longer exists in the store';
  return new FieldEncryptionError(
    'ROTATION_SUPERSEDED',
    `The rotation with epoch ${String(epoch)} stopped because the rotation record ${what}: nothing more was written; find out what changed it before you start again`,
  );
}

/** Where a rotation moves the rows. */
export type Destination = Pick<Rotation, 'epoch' | 'generationFloor' | 'target'>;

export type RowDecision =
  'ahead' | 'unchanged' | 'flip' | 'move-epoch' | 'other-version' | 'rewrap';

export function decide(
  row: LiveDekRow,
  { epoch, target, generationFloor }: Destination,
  { sourceVersion, rollback }: RewrapRequest,
): RowDecision {
  requireCredible(row, { generationFloor });
  requireNoMac(row, `DEK row ${row.id}`);
  if (row.epoch > epoch) return 'ahead';
  if (isSameMek(row, target)) return row.epoch === epoch ? 'unchanged' : 'move-epoch';
  if (rollback && row.previousWrap && isSameMek(row.previousWrap, target)) return 'flip';
  const isOther = sourceVersion !== undefined && row.mekVersion !== sourceVersion;
  return isOther ? 'other-version' : 'rewrap';
}

export function rowAhead(
  { id, epoch }: Pick<DekRow, 'epoch' | 'id'>,
  recordEpoch: number,
): FieldEncryptionError {
  return new FieldEncryptionError(
    'ROTATION_RECORD_BEHIND',
    `DEK row ${id} has the epoch ${String(epoch)}, above the rotation record's ${String(recordEpoch)}: restore the newest rotation record, or the row if only the row was altered`,
    { dekId: id },
  );
}

interface Beginning {
  readonly rotation: Rotation;
  /** The record already named the target: nothing was written. */
  readonly joined: boolean;
}

/**
 * @throws FieldEncryptionError `ROTATION_UNFINISHED` while a rotation to another target is unfinished, unless
 *   it is taken over; `ROTATION_RECORD_MISSING`.
 */
export async function beginRotation(context: RotationContext): Promise<Beginning> {
  const { clock, target, signal, records, audit } = context;
  return untilDone('Beginning the rotation', async () => {
    const copy = await records.readOrCreate();
    const { record } = copy;
    requireRotatable(context, record);
    const isUnfinished = record.state !== 'complete';
    if (isSameMek(record, target)) {
      if (isUnfinished) await audit?.rotationTakenOver('joined', record);
      return { rotation: new Rotation(context, record), joined: true };
    }
    signal?.throwIfAborted();
    const next = begunRecord(record, target, timestampOf(clock));
    if (!(await tryBegin(context, next, copy))) return undefined;
    if (isUnfinished) await audit?.rotationTakenOver('take-over', record);
    await audit?.rotationChanged(record, next);
    return { rotation: new Rotation(context, next), joined: false };
  });
}

/** One broken row proves nothing against its MEK version; this many do. */
export const MOST_BROKEN = 8;

/** Throws what {@link beginRotation} would throw, without beginning a rotation. */
export function requireRotatable(
  { target, request }: RotationContext,
  record: RotationRecord,
): void {
  const { takeOver, rollback } = request;
  if (record.state === 'complete' || takeOver || isSameMek(record, target)) return;
  if (rollback && cameFrom(record, target)) return;
  throw new FieldEncryptionError(
    'ROTATION_UNFINISHED',
    `The rotation to ${describeMek(record)} with epoch ${String(record.epoch)}, begun ${record.startedAt}, is not finished: name that target to finish it, or pass "takeOver: true" to start another in its place`,
  );
}

/** The unfinished rotation left this version, and no earlier one has finished since: going back undoes it. */
function cameFrom({ history }: RotationRecord, target: MekReference): boolean {
  for (const entry of [...history].reverse()) {
    if (isSameMek(entry, target)) return true;
    if (entry.completedAt !== undefined) return false;
  }
  return false;
}

/** `undefined` where another write came first: the record is read again then. */
function tryBegin(
  { dekStore, target, records }: RotationContext,
  next: RotationRecord,
  { etag }: RecordCopy,
): Promise<unknown> {
  const landed = async (): Promise<true | undefined> => {
    const record = (await records.read())?.record;
    if (record?.epoch !== next.epoch || !isSameMek(record, target)) return undefined;
    return record.startedAt === next.startedAt ? true : undefined;
  };
  return tryWrite<unknown>(() => dekStore.replaceItem(next, etag), landed);
}
