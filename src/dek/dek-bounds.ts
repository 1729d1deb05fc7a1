/** What stored rows and records may claim: generations, numbers of DEKs, and epochs. @module */
import { TamperedError, FieldEncryptionError } from '../errors/errors.js';
import type { DekRow } from '../format/dek-row.js';
import {
  generationIn,
  highestCredibleGeneration,
  MOST_GENERATIONS_ABOVE_FLOOR,
} from '../format/key-scope.js';
import type { RotationRecord } from '../format/rotation-record.js';
import { readEncryption, requireIntegerBetween } from '../guards/guards.js';
import { recordAuthenticationOf } from '../store/authenticate-records.js';
import type { DekStore, StoredItem } from '../store/dek-store.js';

/** Credible under every rotation record: no floor is below 1. */
const ALWAYS_CREDIBLE = highestCredibleGeneration(1);

type FloorHolder = { readonly record: Pick<RotationRecord, 'generationFloor'> } | undefined;

/** The source of the floor; a `RecordReader` is one. */
export interface FloorSource {
  freshCopy(): FloorHolder;
  read(): Promise<FloorHolder>;
}

/** Reads the rotation record only for a generation that the local copy does not allow. */
export class GenerationBound {
  readonly #records: FloorSource;

  constructor(records: FloorSource) {
    this.#records = records;
  }

  /** @throws TamperedError where the dekId names a generation that is too high. */
  async require(dekId: string): Promise<void> {
    const refusal = await this.refusalOf(dekId);
    if (refusal) throw refusal;
  }

  /** Returns what {@link GenerationBound.require} would throw. */
  async refusalOf(dekId: string): Promise<TamperedError | undefined> {
    const generation = generationIn(dekId);
    if (generation <= ALWAYS_CREDIBLE) return undefined;
    const isTooHigh = generation > (await this.#mostCredible(generation));
    return isTooHigh ? generationTooHigh(dekId) : undefined;
  }

  /** The rows without those of a generation that is too high. */
  async credible<Row extends { readonly generation: number }>(
    rows: readonly Row[],
  ): Promise<readonly Row[]> {
    const highest = rows.reduce((most, { generation }) => Math.max(most, generation), 0);
    if (highest <= ALWAYS_CREDIBLE) return rows;
    const most = await this.#mostCredible(highest);
    return rows.filter(({ generation }) => generation <= most);
  }

  async #mostCredible(wanted: number): Promise<number> {
    const copy = this.#records.freshCopy();
    const known = copy ? highestCredibleGeneration(copy.record.generationFloor) : 0;
    if (wanted <= known) return known;
    const read = await this.#records.read();
    // Reading works without a rotation record, and then there is no floor.
    return read ? highestCredibleGeneration(read.record.generationFloor) : Infinity;
  }
}

/** @throws TamperedError for a row of a generation that is too high under this rotation record. */
export function requireCredible(
  { id, generation }: { readonly id: string; readonly generation: number },
  { generationFloor }: Pick<RotationRecord, 'generationFloor'>,
): void {
  if (generation > highestCredibleGeneration(generationFloor)) throw generationTooHigh(id);
}

function generationTooHigh(dekId: string): TamperedError {
  return new TamperedError(
    `DEK ${dekId} is refused: its generation is more than ${String(MOST_GENERATIONS_ABOVE_FLOOR)} above the rotation record's generationFloor, which this library never creates; restore the item that names it from a backup, or delete the forged row`,
    { dekId },
  );
}

/** A valid document names one to three. */
export const MOST_DEKS_IN_DOCUMENT = 256;
/** DEKs of one document that are loaded concurrently. */
export const DEKS_AT_ONCE = 16;

/** The ids of the DEKs that a document names, each once. */
export class DistinctDeks extends Set<string> {
  /** @throws FieldEncryptionError `TOO_MANY_DEKS`. */
  override add(dekId: string): this {
    if (super.add(dekId).size <= MOST_DEKS_IN_DOCUMENT) return this;
    throw tooManyDeks(
      'The envelopes of the document name',
      'restore the document from a backup, and find out who wrote it',
    );
  }
}

/** @throws FieldEncryptionError `TOO_MANY_DEKS` for a scope with this many live rows. */
export function requireFewDeks(scopeId: string, rows: number): void {
  if (rows <= MOST_DEKS_IN_DOCUMENT) return;
  throw tooManyDeks(
    `Scope ${scopeId} has`,
    'read the document with decryptDocument, which loads only what it names, and find out who wrote the rows',
  );
}

function tooManyDeks(what: string, then: string): FieldEncryptionError {
  return new FieldEncryptionError(
    'TOO_MANY_DEKS',
    `${what} more than ${String(MOST_DEKS_IN_DOCUMENT)} DEKs, and one to three are normal: ${then}`,
  );
}

/** The pinned epoch of an encryption context; a `FieldEncryptor` is one. */
interface EpochPin {
  readonly dekStore: DekStore;
  readonly minimumEpoch?: number | undefined;
}

/** The source of the least epoch: the configuration, an earlier record, or a DEK row by its id. */
type EpochSource =
  { readonly from: 'minimum' | 'record' } | { readonly from: 'row'; readonly dekId: string };

type Authenticity = Pick<StoredItem, 'authenticatedBy'>;

export class EpochsSeen {
  readonly #authenticates: boolean;
  #least: number;
  #source: EpochSource = { from: 'minimum' };

  constructor(minimumEpoch: number, authenticates: boolean) {
    this.#least = minimumEpoch;
    this.#authenticates = authenticates;
  }

  /** A rotation record below it was restored from an older state, or the read lags. */
  get least(): number {
    return this.#least;
  }

  get source(): EpochSource {
    return this.#source;
  }

  addRecord({ epoch }: Pick<RotationRecord, 'epoch'>, item: Authenticity): void {
    if (this.#isHigher(epoch, item)) this.#set(epoch, { from: 'record' });
  }

  addRow({ id: dekId, epoch }: Pick<DekRow, 'epoch' | 'id'>, item: Authenticity): void {
    if (this.#isHigher(epoch, item)) this.#set(epoch, { from: 'row', dekId });
  }

  /** With a record key, only authentic items count: a forged epoch must stop no writer. */
  #isHigher(epoch: number, { authenticatedBy }: Authenticity): boolean {
    return epoch > this.#least && (!this.#authenticates || authenticatedBy !== undefined);
  }

  #set(epoch: number, source: EpochSource): void {
    this.#least = epoch;
    this.#source = source;
  }
}

const knownBy = new WeakMap<object, { readonly dekStore: DekStore; readonly seen: EpochsSeen }>();

/**
 * The epochs of one encryption context and its store, shared by everything that uses them.
 *
 * @throws TypeError or RangeError for an invalid `minimumEpoch`.
 */
export function epochsSeenBy(encryption: EpochPin): EpochsSeen {
  const { dekStore, minimumEpoch = 1 } = readEncryption(encryption);
  const known = knownBy.get(encryption);
  if (known?.dekStore === dekStore) return known.seen;
  requireIntegerBetween('minimumEpoch', minimumEpoch, 1, Number.MAX_SAFE_INTEGER);
  const authenticates = recordAuthenticationOf(dekStore) !== 'off';
  const seen = new EpochsSeen(minimumEpoch, authenticates);
  knownBy.set(encryption, { dekStore, seen });
  return seen;
}

/** For an encryptor that was made from the context. */
export function shareEpochs(encryption: EpochPin, encryptor: EpochPin): void {
  knownBy.set(encryptor, { dekStore: encryption.dekStore, seen: epochsSeenBy(encryption) });
}

/** @param record - As last read; absent where there is none. */
export function recordBehind(
  product: string,
  record: RotationRecord | undefined,
  { least, source }: Pick<EpochsSeen, 'least' | 'source'>,
): FieldEncryptionError {
  const { known, shown } = wordsFor(source);
  if (record) {
    const orRow =
      source.from === 'row'
        ? ', or that row if only the row was altered, and then restart the process'
        : '';
    return new FieldEncryptionError(
      'ROTATION_RECORD_BEHIND',
      `The rotation record of "${product}" has the epoch ${String(record.epoch)}, below ${String(least)}, ${known}: nothing is sealed under it. Restore the newest item "rotation" of dek_store${orRow}; if dek_store as a whole was restored, stop all writers and run adoptRestoredStore: docs/restore.md`,
    );
  }
  const what =
    least === 1
      ? `The product "${product}" has DEK rows but no rotation record`
      : `The product "${product}" has no rotation record, and ${shown} its epoch is ${String(least)} or above`;
  return new FieldEncryptionError(
    'ROTATION_RECORD_MISSING',
    `${what}: restore the item "rotation" of dek_store from a backup before anything is written`,
  );
}

function wordsFor(source: EpochSource): { readonly known: string; readonly shown: string } {
  if (source.from === 'row') {
    const row = `DEK row ${source.dekId}`;
    return { known: `which ${row} has`, shown: `${row} shows that` };
  }
  if (source.from === 'record') {
    return {
      known: 'which this process has read before',
      shown: 'an earlier read of this process shows that',
    };
  }
  const option = '"minimumEpoch" (FIELD_ENCRYPT_MINIMUM_EPOCH)';
  return { known: `the ${option} of this process`, shown: `${option} says that` };
}
