/** A rotation that this process takes part in, and the only way in which it moves on. @module */
import { contended, FieldEncryptionError, hasCode } from '../errors/errors.js';
import { describeMek, mekIn, type MekReference } from '../format/key-wrap.js';
import type { LiveDekRow } from '../format/dek-row.js';
import type { DekStore } from '../store/dek-store.js';
import type { RecordCopy, RecordReader } from '../dek/record-reader.js';
import type { RotationRecord } from '../format/rotation-record.js';
import { rowAhead } from './row-decision.js';

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
