/** The rotation record as writers go by it: a copy of limited age. @module */
import { type Clock, elapsedBetween, type Moment, momentOf, timestampOf } from '../clock.js';
import { FieldEncryptionError, hasCode } from '../errors.js';
import type { MekReference } from '../provider/key-wrap.js';
import type { DekStore } from '../store/dek-store.js';
import { requireNoMac } from '../store/item-shape.js';
import {
  firstRotationRecord,
  parseRotationRecord,
  readRotationItem,
  type RotationRecord,
} from './rotation-record.js';

/** A copy of the record, its age counted from when its read was sent. */
export interface RecordCopy {
  readonly record: RotationRecord;
  readonly etag: string;
  readonly readAt: Moment;
  /** The record key that vouches for it, where records are authenticated. */
  readonly authenticatedBy?: string | undefined;
}

export interface RecordReaderOptions {
  readonly product: string;
  readonly dekStore: DekStore;
  readonly clock: Clock;
  /** What the first DEKs of a product are wrapped with. */
  readonly firstMek: () => Promise<MekReference>;
  /** Written into a record that is created here; a record that exists keeps its own. */
  readonly fenceTtlMs: number;
}

export class RecordReader {
  readonly #options: RecordReaderOptions;
  #copy: RecordCopy | undefined;
  #reading: Promise<RecordCopy> | undefined;

  constructor(options: RecordReaderOptions) {
    this.#options = options;
  }

  /** The copy at hand, if it is younger than its own `fenceTtlMs`. */
  freshCopy(now: Moment = momentOf(this.#options.clock)): RecordCopy | undefined {
    return this.#copy && this.isFresh(this.#copy, now) ? this.#copy : undefined;
  }

  isFresh(copy: RecordCopy, now: Moment = momentOf(this.#options.clock)): boolean {
    return elapsedBetween(copy.readAt, now) < copy.record.fenceTtlMs;
  }

  /** A fresh copy; a product without rows gets its record made. */
  async fresh(): Promise<RecordCopy> {
    return this.freshCopy() ?? (this.#reading ??= this.#readOnce());
  }

  /**
   * The record as it is in the store now, or `undefined` for a product that has none.
   *
   * @throws FieldEncryptionError `ROW_UNSUPPORTED` where it has a mac and no record key is here: what this
   * process then makes, those that have the key would refuse, and it would seal under any planted DEK.
   */
  async read(): Promise<RecordCopy | undefined> {
    const { product, dekStore, clock } = this.#options;
    const readAt = momentOf(clock);
    const item = await readRotationItem(dekStore, product);
    if (item === undefined) return undefined;
    const { value, etag, authenticatedBy } = item;
    const record = parseRotationRecord(value, product);
    requireNoMac(record, `The rotation record of "${product}"`);
    const copy = { record, etag, readAt, authenticatedBy };
    // Of reads that overtake each other, the one that was sent last counts.
    if (!this.#copy || readAt.monotonicMs >= this.#copy.readAt.monotonicMs) this.#copy = copy;
    return copy;
  }

  /** The record as it is in the store now; a product without rows gets its record made. */
  async readOrCreate(): Promise<RecordCopy> {
    return (await this.readUnlessNew()) ?? (await this.#create());
  }

  /**
   * The record as it is in the store now, or `undefined` for a product that has no rows either.
   *
   * @throws FieldEncryptionError `ROTATION_RECORD_MISSING` where there are rows: the record was lost, and
   * a new one would restart the epochs below theirs.
   */
  async readUnlessNew(): Promise<RecordCopy | undefined> {
    const { product, dekStore } = this.#options;
    const copy = await this.read();
    if (copy || (await dekStore.count({ product })) === 0) return copy;
    return this.#requireAfterAll();
  }

  async #readOnce(): Promise<RecordCopy> {
    try {
      return await this.readOrCreate();
    } finally {
      this.#reading = undefined;
    }
  }

  async #create(): Promise<RecordCopy> {
    const { product, dekStore, firstMek, fenceTtlMs, clock } = this.#options;
    const mek = await firstMek();
    const now = timestampOf(clock);
    try {
      await dekStore.createItem(firstRotationRecord(product, mek, fenceTtlMs, now));
    } catch (error) {
      if (!hasCode(error, 'ALREADY_EXISTS')) throw error;
    }
    return this.#requireAfterAll();
  }

  async #requireAfterAll(): Promise<RecordCopy> {
    const copy = await this.read();
    if (copy) return copy;
    const { product } = this.#options;
    throw new FieldEncryptionError(
      'ROTATION_RECORD_MISSING',
      `The product "${product}" has DEK rows but no rotation record: restore the item "rotation" of dek_store from a backup before anything is written`,
    );
  }
}
