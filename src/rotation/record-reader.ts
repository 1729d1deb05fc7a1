/** The rotation record as writers go by it: a copy of limited age. @module */
import { elapsedBetween, momentOf, type Clock, type Moment } from '../clock.js';
import { FieldEncryptionError, hasCode } from '../errors.js';
import type { ConfiguredProviders } from '../provider/configured-providers.js';
import type { DekStore } from '../store/dek-store.js';
import {
  firstRotationRecord,
  parseRotationRecord,
  type RotationRecord,
} from './rotation-record.js';

/** A copy of the record, its age counted from when its read was sent. */
export interface RecordCopy {
  readonly record: RotationRecord;
  readonly readAt: Moment;
}

export interface RecordReaderOptions {
  readonly product: string;
  readonly dekStore: DekStore;
  readonly providers: ConfiguredProviders;
  readonly clock: Clock;
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

  /** The record as it is in the store now, or `undefined` for a product that has none. */
  async read(): Promise<RecordCopy | undefined> {
    const { product, dekStore, clock } = this.#options;
    const readAt = momentOf(clock);
    const item = await dekStore.getRotation(product);
    if (item === undefined) return undefined;
    const copy = { record: parseRotationRecord(item.value, product), readAt };
    // Of reads that overtake each other, the one that was sent last counts.
    if (!this.#copy || readAt.monotonicMs >= this.#copy.readAt.monotonicMs) this.#copy = copy;
    return copy;
  }

  async #readOnce(): Promise<RecordCopy> {
    try {
      return (await this.read()) ?? (await this.#create());
    } finally {
      this.#reading = undefined;
    }
  }

  async #create(): Promise<RecordCopy> {
    const { product, dekStore, providers, fenceTtlMs, clock } = this.#options;
    const mek = await providers.currentMek();
    // Rows without a record mean that it was lost: a new one would restart the epochs below theirs.
    if ((await dekStore.count({ product })) > 0) return this.#requireAfterAll();
    const now = new Date(clock.wallMs()).toISOString();
    try {
      await dekStore.createRotation(firstRotationRecord(product, mek, fenceTtlMs, now));
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
