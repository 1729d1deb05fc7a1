/** The rotation record for writers: a copy of limited age. @module */
import { readRotationItem } from '../store/dek-store.js';
import {
  elapsedBetween,
  type Moment,
  momentOf,
  timestampOf,
  readUntilShown,
} from '../async/clock.js';
import {
  rotationRecordChannel,
  type RotationRecordMessage,
} from '../diagnostics/diagnostics-channels.js';
import { hasCode } from '../errors/errors.js';
import { mekIn, type DekRow, type MekReference } from '../format/dek-row.js';
import { requireNoMac } from '../format/item-shape.js';
import { untilDone } from '../store/compare-and-set.js';
import { SingleFlight } from '../async/abort.js';
import type { DekContext } from './dek-services.js';
import { type EpochsSeen, recordBehind } from './dek-bounds.js';
import { productEmpty } from './known-product.js';
import {
  firstRotationRecord,
  parseRotationRecord,
  type RotationRecord,
} from '../format/rotation-record.js';

/** A copy of the record; its age counts from when its read was sent. */
export interface RecordCopy {
  readonly record: RotationRecord;
  readonly etag: string;
  readonly readAt: Moment;
  /** The record key that authenticates it, where records are authenticated. */
  readonly authenticatedBy?: string | undefined;
}

export interface RecordReaderOptions extends Pick<DekContext, 'clock' | 'dekStore' | 'product'> {
  /** The MEK version for the first DEKs of a product. */
  readonly firstMek: () => Promise<MekReference>;
  /** Stored in a record that is created here; an existing record keeps its own. */
  readonly fenceTtlMs: number;
  /** A record below the highest seen epoch is refused. */
  readonly epochs: EpochsSeen;
  /** Refuses a product without rows and without a record, instead of creating the record. */
  readonly refusesEmpty?: boolean;
  /** Ends the wait of one run for a lagging store; a reader for many callers has none. */
  readonly signal?: AbortSignal | undefined;
}

export class RecordReader {
  readonly #options: RecordReaderOptions;
  #copy: RecordCopy | undefined;
  readonly #flights = new SingleFlight<RecordCopy, 'catch up' | 'read'>();
  /** When the record was first read as behind, since it was last read as current. */
  #behindSinceMs: number | undefined;
  /** The highest epoch of a row above the record, and when it was first seen. */
  #rowAhead = { epoch: 0, sinceMs: 0 };

  constructor(options: RecordReaderOptions) {
    this.#options = options;
  }

  /** The local copy, if it is younger than its own `fenceTtlMs`. */
  freshCopy(now: Moment = momentOf(this.#options.clock)): RecordCopy | undefined {
    return this.#copy && this.isFresh(this.#copy, now) ? this.#copy : undefined;
  }

  isFresh(copy: RecordCopy, now: Moment = momentOf(this.#options.clock)): boolean {
    return this.#isUpToDate(copy) && elapsedBetween(copy.readAt, now) < copy.record.fenceTtlMs;
  }

  /**
   * Resolves once the local copy is fresh, and of this epoch where one is given.
   *
   * @param read - Reads the record again; once more where the read itself took too long.
   */
  async requireFresh(read: () => Promise<unknown>, epoch?: number): Promise<void> {
    await untilDone('Reading the rotation record within its fence', async () => {
      const copy = this.freshCopy();
      if (copy && (epoch === undefined || copy.record.epoch === epoch)) return true;
      await read();
      return undefined;
    });
  }

  /** Returns a fresh copy; for a product without rows, the record is created. */
  async fresh(): Promise<RecordCopy> {
    return this.freshCopy() ?? this.#flights.run('read', () => this.readOrCreate());
  }

  /**
   * Returns the record as it is in the store now, or `undefined` for a product that has none.
   *
   * @throws FieldEncryptionError `ROW_UNSUPPORTED` where it has a mac and this process has no record key.
   *   Processes with the key would refuse the DEKs that this one creates, and it would seal under any planted
   *   DEK.
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
    if (rotationRecordChannel.hasSubscribers) publishRecord(product, record);
    const copy = { record, etag, readAt, authenticatedBy };
    if (!this.#isUpToDate(copy)) return copy;
    this.#behindSinceMs = undefined;
    // Of overlapping reads, the one that was sent last counts.
    if (!this.#copy || readAt.monotonicMs >= this.#copy.readAt.monotonicMs) this.#copy = copy;
    return copy;
  }

  /** Returns the record as it is in the store now; for a product without rows, the record is created. */
  async readOrCreate(): Promise<RecordCopy> {
    return (await this.readUnlessNew()) ?? (await this.#create());
  }

  /**
   * Returns the record as it is in the store now, or `undefined` for a product without rows.
   *
   * @throws FieldEncryptionError `ROTATION_RECORD_MISSING` where there are rows, or a `minimumEpoch`: the
   *   record was lost, and a new one would restart the epochs; `ROTATION_RECORD_BEHIND` where it was restored
   *   from an older state; `PRODUCT_EMPTY`.
   */
  async readUnlessNew(): Promise<RecordCopy | undefined> {
    const { product, dekStore, refusesEmpty, signal } = this.#options;
    const copy = await this.followed(await this.read());
    if (copy) return copy;
    if ((await dekStore.count({ product })) > 0) return this.#caughtUp();
    if (refusesEmpty) throw await productEmpty(dekStore, product, { signal });
    return undefined;
  }

  /**
   * Returns a copy that was just read, or from before rows were read that may be ahead of it: read again
   * where it is behind a seen epoch.
   *
   * @throws FieldEncryptionError `ROTATION_RECORD_BEHIND` or `ROTATION_RECORD_MISSING` where it is still
   *   behind once reads cannot lag any more.
   */
  async followed(copy: RecordCopy | undefined): Promise<RecordCopy | undefined> {
    const isAsItShouldBe = copy ? this.#isUpToDate(copy) : this.#options.epochs.least === 1;
    return isAsItShouldBe ? copy : this.#caughtUp();
  }

  /**
   * Returns the record, for a caller that found a row above its copy: read again until it has the row's
   * epoch, or until reads cannot lag behind the row any more. The caller decides on the result.
   */
  async readForRow({ epoch }: Pick<DekRow, 'epoch'>): Promise<RecordCopy | undefined> {
    const { dekStore, clock, signal } = this.#options;
    // One wait serves all rows that are ahead: a restored store may have many of them.
    if (epoch > this.#rowAhead.epoch) this.#rowAhead = { epoch, sinceMs: clock.monotonicMs() };
    const endMs = this.#rowAhead.sinceMs + (await dekStore.readLagMs({ signal }));
    return this.#readUntil(endMs, ({ record }) => record.epoch >= epoch);
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

  /** Callers share one wait. After an unsuccessful wait, later callers do not wait again. */
  #caughtUp(): Promise<RecordCopy> {
    return this.#flights.run('catch up', () => this.#catchUp());
  }

  async #catchUp(): Promise<RecordCopy> {
    const { product, dekStore, clock, epochs, signal } = this.#options;
    this.#behindSinceMs ??= clock.monotonicMs();
    const endMs = this.#behindSinceMs + (await dekStore.readLagMs({ signal }));
    const last = await this.#readUntil(endMs, (copy) => this.#isUpToDate(copy));
    if (last && this.#isUpToDate(last)) return last;
    throw recordBehind(product, last?.record, epochs);
  }

  /** Reads until a copy is enough, or reads cannot lag any more; returns what was read last. */
  async #readUntil(
    endMs: number,
    isEnough: (copy: RecordCopy) => boolean,
  ): Promise<RecordCopy | undefined> {
    const { clock, signal } = this.#options;
    let last: RecordCopy | undefined;
    const read = async (): Promise<RecordCopy | undefined> => {
      last = await this.read();
      return last && isEnough(last) ? last : undefined;
    };
    await readUntilShown(read, { clock, endMs, signal });
    return last;
  }
}

function publishRecord(product: string, record: RotationRecord): void {
  const { epoch, state } = record;
  const message: RotationRecordMessage = { product, epoch, state, target: mekIn(record) };
  rotationRecordChannel.publish(message);
}
