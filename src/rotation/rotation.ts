/** A rotation that this process takes part in: how it begins, moves on, and decides on a row. @module */
import { timestampOf } from '../async/clock.js';
import { requireCredible } from '../dek/generation-bound.js';
import type { RecordCopy, RecordReader } from '../dek/record-reader.js';
import { contended, FieldEncryptionError, hasCode } from '../errors/errors.js';
import type { LiveDekRow } from '../format/dek-row.js';
import { requireNoMac } from '../format/item-shape.js';
import { describeMek, mekIn, type MekReference, isSameMek } from '../format/key-wrap.js';
import { type RotationRecord, begunRecord } from '../format/rotation-record.js';
import type { DekStore } from '../store/dek-store.js';
import type { RotationContext } from './rewrap-options.js';

const MOST_ATTEMPTS = 8;

export class Rotation {
  readonly epoch: number;
  readonly target: MekReference;
  #generationFloor: number;
  readonly #records: RecordReader;
  readonly #dekStore: DekStore;

  constructor(records: RecordReader, dekStore: DekStore, record: RotationRecord) {
    this.#records = records;
    this.#dekStore = dekStore;
    this.epoch = record.epoch;
    this.target = mekIn(record);
    this.#generationFloor = record.generationFloor;
  }

  /** As last read: an operator may raise it meanwhile. */
  get generationFloor(): number {
    return this.#generationFloor;
  }

  /**
   * The record as it is now, still of this rotation.
   *
   * @throws FieldEncryptionError `ROTATION_SUPERSEDED` when another rotation began since.
   */
  async read(): Promise<RecordCopy> {
    return this.#own(await this.#records.read());
  }

  /**
   * What to say of a row above this rotation's epoch, once reads cannot lag behind it any more.
   *
   * @throws FieldEncryptionError `ROTATION_SUPERSEDED` when another rotation began since.
   */
  async rowAhead(row: LiveDekRow): Promise<FieldEncryptionError> {
    this.#own(await this.#records.readForRow(row));
    return rowAhead(row, this.epoch);
  }

  #own(copy: RecordCopy | undefined): RecordCopy {
    if (copy?.record.epoch !== this.epoch) throw superseded(this.epoch, copy?.record);
    this.#generationFloor = copy.record.generationFloor;
    return copy;
  }

  /**
   * Reads the record again when the copy at hand is as old as a writer's may get, or of another epoch;
   * once more where the answer itself took so long.
   */
  async requireFresh(): Promise<void> {
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
      if (this.#records.freshCopy()?.record.epoch === this.epoch) return;
      await this.read();
    }
    throw contended('Reading the rotation record within its fence', MOST_ATTEMPTS);
  }

  /**
   * Writes the record's next state over the copy.
   *
   * @returns False when someone else was faster: read it again, and decide anew.
   */
  async replace({ etag }: RecordCopy, next: RotationRecord): Promise<boolean> {
    try {
      await this.#dekStore.replaceItem(next, etag);
      return true;
    } catch (error) {
      // The answer may have been lost after the write.
      const { record } = await this.read();
      if (record.state === next.state) return true;
      if (hasCode(error, 'ETAG_MISMATCH')) return false;
      throw error;
    }
  }
}

export function superseded(epoch: number, by: RotationRecord | undefined): FieldEncryptionError {
  const what = by
    ? `is at epoch ${String(by.epoch)} now, with the target ${describeMek(by)}`
    : 'is gone from the store';
  return new FieldEncryptionError(
    'ROTATION_SUPERSEDED',
    `The rotation with epoch ${String(epoch)} stopped because the rotation record ${what}: nothing more was written; find out who changed it before you start again`,
  );
}

/** Where a rotation is to bring the rows. */
export interface Destination {
  readonly epoch: number;
  readonly target: MekReference;
  /** Of the rotation record: rows far above it are forged. */
  readonly generationFloor: number;
}

/** Which rows a rotation leaves out, and whether it goes back. */
export interface RowChoice {
  readonly sourceVersion: string | undefined;
  /** Only of a rollback: a wrap under the target that a row kept comes back without the provider. */
  readonly rollback?: { readonly verifyFlips: boolean };
}

export type RowDecision =
  'ahead' | 'unchanged' | 'flip' | 'move-epoch' | 'other-version' | 'rewrap';

export function decide(
  row: LiveDekRow,
  { epoch, target, generationFloor }: Destination,
  { sourceVersion, rollback }: RowChoice,
): RowDecision {
  requireCredible(row, { generationFloor });
  requireNoMac(row, `DEK row ${row.id}`);
  if (row.epoch > epoch) return 'ahead';
  if (isSameMek(row, target)) return row.epoch === epoch ? 'unchanged' : 'move-epoch';
  if (rollback && row.previousWrap && isSameMek(row.previousWrap, target)) return 'flip';
  const isOther = sourceVersion !== undefined && row.mekVersion !== sourceVersion;
  return isOther ? 'other-version' : 'rewrap';
}

export function rowAhead({ id, epoch }: LiveDekRow, recordEpoch: number): FieldEncryptionError {
  return new FieldEncryptionError(
    'ROTATION_RECORD_BEHIND',
    `DEK row ${id} has the epoch ${String(epoch)}, above the rotation record's ${String(recordEpoch)}: restore the newest rotation record, or the row if it alone was altered`,
    { dekId: id },
  );
}

interface Beginning {
  readonly rotation: Rotation;
  /** The record named the target already: nothing was written. */
  readonly joined: boolean;
}

/** Whether it may begin over another one that is not finished. */
interface TakeOver extends Pick<RowChoice, 'rollback'> {
  readonly takeOver: boolean;
}

/**
 * @throws FieldEncryptionError `ROTATION_UNFINISHED` while a rotation to another target is under way,
 * unless it is to be taken over; `ROTATION_RECORD_MISSING`.
 */
export async function beginRotation(
  context: RotationContext,
  request: TakeOver,
): Promise<Beginning> {
  const { dekStore, clock, target, signal, records } = context;
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const copy = await records.readOrCreate();
    const { record } = copy;
    requireRotatable(record, target, request);
    if (isSameMek(record, target)) {
      return { rotation: new Rotation(records, dekStore, record), joined: true };
    }
    signal?.throwIfAborted();
    const next = begunRecord(record, target, timestampOf(clock));
    if (await tryBegin(context, next, copy)) {
      return { rotation: new Rotation(records, dekStore, next), joined: false };
    }
  }
  throw contended('Beginning the rotation', MOST_ATTEMPTS);
}

/** What {@link beginRotation} refuses, without beginning anything. */
export function requireRotatable(
  record: RotationRecord,
  target: MekReference,
  { takeOver, rollback }: TakeOver,
): void {
  if (record.state === 'complete' || takeOver || isSameMek(record, target)) return;
  if (rollback && cameFrom(record, target)) return;
  throw new FieldEncryptionError(
    'ROTATION_UNFINISHED',
    `The rotation to ${describeMek(record)} with epoch ${String(record.epoch)}, begun ${record.startedAt}, is not finished: name that target to finish it, or pass "takeOver: true" to begin another over it`,
  );
}

/** The unfinished rotation left it, and none before has finished since: going back is undoing it. */
function cameFrom({ history }: RotationRecord, target: MekReference): boolean {
  for (const entry of [...history].reverse()) {
    if (isSameMek(entry, target)) return true;
    if (entry.completedAt !== undefined) return false;
  }
  return false;
}

/** False when someone else was faster: the record is read again then. */
async function tryBegin(
  { dekStore, target, records }: RotationContext,
  next: RotationRecord,
  { etag }: RecordCopy,
): Promise<boolean> {
  try {
    await dekStore.replaceItem(next, etag);
    return true;
  } catch (error) {
    if (hasCode(error, 'ETAG_MISMATCH')) return false;
    // The answer may have been lost after the write.
    const known = await records.read();
    if (known?.record.epoch === next.epoch && isSameMek(known.record, target)) return true;
    throw error;
  }
}
