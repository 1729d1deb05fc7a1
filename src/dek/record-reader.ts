/** The rotation record as writers go by it: a copy of limited age. @module */
import { readRotationItem, type DekStore } from '../store/dek-store.js';
import { type Clock, elapsedBetween, type Moment, momentOf, timestampOf } from '../async/clock.js';
import { hasCode } from '../errors/errors.js';
import type { DekRow } from '../format/dek-row.js';
import type { MekReference } from '../format/key-wrap.js';
import { requireNoMac } from '../format/item-shape.js';
import { untilDone } from '../store/compare-and-set.js';
import { readUntilShown } from '../async/read-until-shown.js';
import type { EpochsSeen } from './epochs-seen.js';
import { recordBehind } from './record-behind.js';
import {
  firstRotationRecord,
  parseRotationRecord,
  type RotationRecord,
} from '../format/rotation-record.js';

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
  readonly dekStore: Required<DekStore>;
  readonly clock: Clock;
  /** What the first DEKs of a product are wrapped with. */
  readonly firstMek: () => Promise<MekReference>;
  /** Written into a record that is created here; a record that exists keeps its own. */
  readonly fenceTtlMs: number;
  /** No record below the highest epoch that was seen is followed. */
  readonly epochs: EpochsSeen;
  /** Ends the wait of one run for a store that lags; what serves many callers has none. */
  readonly signal?: AbortSignal | undefined;
}

export class RecordReader {
  readonly #options: RecordReaderOptions;
  #copy: RecordCopy | undefined;
  #reading: Promise<RecordCopy> | undefined;
  #catchingUp: Promise<RecordCopy> | undefined;
  /** When the record was first read as behind, since it was last read as it should be. */
  #behindSinceMs: number | undefined;
  /** The highest epoch of a row above the record, and when it was first met. */
  #rowAhead = { epoch: 0, sinceMs: 0 };

  constructor(options: RecordReaderOptions) {
    this.#options = options;
  }

  /** The copy at hand, if it is younger than its own `fenceTtlMs`. */
  freshCopy(now: Moment = momentOf(this.#options.clock)): RecordCopy | undefined {
    return this.#copy && this.isFresh(this.#copy, now) ? this.#copy : undefined;
  }

  isFresh(copy: RecordCopy, now: Moment = momentOf(this.#options.clock)): boolean {
    return this.#isUpToDate(copy) && elapsedBetween(copy.readAt, now) < copy.record.fenceTtlMs;
  }

  /**
   * Resolves once the copy at hand is fresh, and of this epoch where one is given.
   *
   * @param read - Reads the record again; once more where the answer itself took too long.
   */
  async requireFresh(read: () => Promise<unknown>, epoch?: number): Promise<void> {
    await untilDone('Reading the rotation record within its fence', async () => {
      const copy = this.freshCopy();
      if (copy && (epoch === undefined || copy.record.epoch === epoch)) return true;
      await read();
      return undefined;
    });
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
    const { product, dekStore, clock, epochs } = this.#options;
    const readAt = momentOf(clock);
    const item = await readRotationItem(dekStore, product);
    if (item === undefined) return undefined;
    const { value, etag, authenticatedBy } = item;
    const record = parseRotationRecord(value, product);
    requireNoMac(record, `The rotation record of "${product}"`);
    epochs.addRecord(record, item);
    const copy = { record, etag, readAt, authenticatedBy };
    if (!this.#isUpToDate(copy)) return copy;
    this.#behindSinceMs = undefined;
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
   * @throws FieldEncryptionError `ROTATION_RECORD_MISSING` where there are rows, or a `minimumEpoch`: the
   * record was lost, and a new one would restart the epochs; `ROTATION_RECORD_BEHIND` where it was put back
   * to an older one.
   */
  async readUnlessNew(): Promise<RecordCopy | undefined> {
    const { product, dekStore } = this.#options;
    const copy = await this.followed(await this.read());
    if (copy || (await dekStore.count({ product })) === 0) return copy;
    return this.#caughtUp();
  }

  /**
   * A copy that was just read, or from before rows were read that may be ahead of it: read again where it is
   * behind what was seen.
   *
   * @throws FieldEncryptionError `ROTATION_RECORD_BEHIND` or `ROTATION_RECORD_MISSING` where it is still so
   * once reads cannot lag any more.
   */
  async followed(copy: RecordCopy | undefined): Promise<RecordCopy | undefined> {
    const isAsItShouldBe = copy ? this.#isUpToDate(copy) : this.#options.epochs.least === 1;
    return isAsItShouldBe ? copy : this.#caughtUp();
  }

  /**
   * The record, for a caller that found a row above its copy: read again until it has the row's epoch, or
   * until reads cannot lag behind the row any more. The caller judges what it gets.
   */
  async readForRow({ epoch }: Pick<DekRow, 'epoch'>): Promise<RecordCopy | undefined> {
    const { dekStore, clock, signal } = this.#options;
    // One wait serves all rows that are ahead: a restored store may have many of them.
    if (epoch > this.#rowAhead.epoch) this.#rowAhead = { epoch, sinceMs: clock.monotonicMs() };
    const endMs = this.#rowAhead.sinceMs + (await dekStore.readLagMs({ signal }));
    let last: RecordCopy | undefined;
    const read = async (): Promise<true | undefined> => {
      last = await this.read();
      return (last?.record.epoch ?? 0) >= epoch ? true : undefined;
    };
    await readUntilShown(read, { clock, endMs, signal });
    return last;
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
    return (await this.followed(await this.read())) ?? this.#caughtUp();
  }

  #isUpToDate({ record }: RecordCopy): boolean {
    return record.epoch >= this.#options.epochs.least;
  }

  /** Callers share one wait. After a wait in vain, later callers do not wait again. */
  async #caughtUp(): Promise<RecordCopy> {
    this.#catchingUp ??= this.#catchUp().finally(() => {
      this.#catchingUp = undefined;
    });
    return this.#catchingUp;
  }

  async #catchUp(): Promise<RecordCopy> {
    const { product, dekStore, clock, epochs, signal } = this.#options;
    this.#behindSinceMs ??= clock.monotonicMs();
    const endMs = this.#behindSinceMs + (await dekStore.readLagMs({ signal }));
    let last: RecordCopy | undefined;
    const read = async (): Promise<RecordCopy | undefined> => {
      last = await this.read();
      return last && this.#isUpToDate(last) ? last : undefined;
    };
    const found = await readUntilShown(read, { clock, endMs, signal });
    if (found) return found;
    throw recordBehind(product, last?.record, epochs);
  }
}
