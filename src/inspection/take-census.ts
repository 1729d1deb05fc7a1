/** Counts the DEK rows of a product by MEK version and epoch. @module */
import { readRotationItem, type StoredItem } from '../store/dek-store.js';
import { systemClock } from '../async/clock.js';
import { readEncryption, requireBoolean, requireIdentifier } from '../guards/guards.js';
import { ownCallOptions, type CallOptions, unlessAborted } from '../async/abort.js';
import {
  type DekRow,
  isLive,
  isSameMek,
  type LiveDekRow,
  mekIn,
  type MekReference,
} from '../format/dek-row.js';
import type { SearchedEncryption } from '../run/search.js';
import { CheckedDekStore } from '../store/checked-dek-store.js';
import { dekRowPages, idOf, rowIn } from '../run/change-row.js';
import { epochsSeenBy, requireCredible } from '../dek/dek-bounds.js';
import { productEmpty, type ProductOptions } from '../dek/known-product.js';
import {
  parseRotationRecord,
  type RotationRecord,
  type RotationState,
} from '../format/rotation-record.js';

interface CountedEncryption extends SearchedEncryption {
  readonly minimumEpoch?: number;
}

/** Rows that one MEK version unwraps. */
export interface WrapCensus extends MekReference {
  readonly active: number;
  readonly retired: number;
  /** Rows under another version that keep an earlier wrap under this one. */
  readonly previousWraps: number;
}

/** A row that cannot be read, and why. */
export interface UnreadableRow {
  readonly dekId: string;
  readonly error: unknown;
}

export interface Census {
  readonly product: string;
  /** Absent for a product without a DEK so far, or with a lost record. */
  readonly rotation:
    (MekReference & { readonly epoch: number; readonly state: RotationState }) | undefined;
  /** Rows of any state. */
  readonly rows: number;
  readonly active: number;
  readonly retired: number;
  readonly shredded: number;
  /**
   * One entry for each MEK version that any row names, the most used first: every version that the rotation
   * record names, and 256 others.
   */
  readonly wraps: readonly WrapCensus[];
  /** Rows under further versions, or under names of more than 256 characters; absent for none. */
  readonly otherWraps?: Omit<WrapCensus, keyof MekReference>;
  /** Live rows for each epoch, the newest first: 256 epochs, and that of the rotation record. */
  readonly epochs: readonly { readonly epoch: number; readonly rows: number }[];
  /** Live rows of further epochs; absent for none. */
  readonly otherEpochs?: number;
  /** Live rows that are not on the rotation's target, or below its epoch. */
  readonly behind: number;
  /** Live rows above the rotation's epoch: the record is older than they are. */
  readonly ahead: number;
  readonly unreadable: number;
  /** The first hundred of them; `findUnreadableRows` finds all. */
  readonly unreadableRows: readonly UnreadableRow[];
  /**
   * The rotation is complete, and every live row is on its target and epoch. False where the rotation record
   * is below `minimumEpoch`, or below an epoch that the encryptor has seen: it was restored from an older
   * state.
   */
  readonly settled: boolean;
}

/**
 * Counts the DEK rows of a product: which MEK versions they need, and whether a rotation missed any.
 *
 * Reads only: the rotation record first, then every row once. Rows that change during the scan count as they
 * were read. It unwraps nothing, so a row counts by its own statements. Where reads of the store may lag, by
 * its `readLagMs`, recent writes may be missing: wait that long before you rely on the result.
 *
 * @param encryption - A `FieldEncryptor`, or its product and store.
 * @throws Errors of the store; TamperedError or `ROW_UNSUPPORTED` for a rotation record that cannot be read.
 *   An unreadable row is counted and named.
 *
 * @example
 * ```ts
 * import { takeCensus } from '@bytelyst/field-encrypt';
 * import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';
 *
 * const encryption = { product: 'notelett', dekStore: new MemoryDekStore() };
 * const census = await takeCensus(encryption, { allowEmpty: true }); // this example has stored nothing
 * for (const { mekVersion, active, retired } of census.wraps) console.log(mekVersion, active + retired);
 * console.log(census.unreadable, census.settled); // 0 false
 * ```
 */
export async function takeCensus(
  encryption: CountedEncryption,
  options: CallOptions & ProductOptions = {},
): Promise<Census> {
  const { allowEmpty = false, signal } = ownCallOptions(options, ['allowEmpty']);
  requireBoolean('allowEmpty', allowEmpty);
  return unlessAborted(signal, () => count(encryption, allowEmpty, signal));
}

async function count(
  encryption: CountedEncryption,
  allowEmpty: boolean,
  signal: AbortSignal | undefined,
): Promise<Census> {
  const { product, dekStore, clock = systemClock } = readEncryption(encryption);
  requireIdentifier('product', product);
  const store = new CheckedDekStore(dekStore, { product, clock });
  const item = await readRotationItem(store, product, { signal });
  const record = item && parseRotationRecord(item.value, product);
  const counted = new CensusCount(product, record, epochsSeenBy(encryption).least);
  for await (const items of dekRowPages(store, { product }, signal)) {
    for (const each of items) counted.add(each);
  }
  const census = counted.result();
  const isEmpty = !record && census.rows + census.unreadable === 0;
  if (isEmpty && !allowEmpty) throw await productEmpty(store, product, { signal });
  return census;
}

type WrapTally = { -readonly [Name in keyof WrapCensus]: WrapCensus[Name] };

/** How many names are counted separately, in addition to those of the rotation record. */
const MOST_COUNTED_APART = 256;
const LONGEST_NAME = 256;
const OTHER: MekReference = { keyProvider: '', mekName: '', mekVersion: '' };

/** Tallies by name: one for each expected name, and for as many others as are counted separately. */
class Tallies<Tally> {
  readonly #byName = new Map<string, Tally>();
  readonly #expected: ReadonlySet<string>;
  /** Of all other names. */
  readonly other: Tally;
  #unexpected = 0;

  constructor(expected: readonly string[], other: Tally) {
    this.#expected = new Set(expected);
    this.other = other;
  }

  of(name: string, isLong: boolean, empty: () => Tally): Tally {
    const known = this.#byName.get(name);
    if (known) return known;
    if (!this.#expected.has(name)) {
      if (this.#unexpected >= MOST_COUNTED_APART || isLong) return this.other;
      this.#unexpected += 1;
    }
    const tally = empty();
    this.#byName.set(name, tally);
    return tally;
  }

  get apart(): Tally[] {
    return [...this.#byName.values()];
  }
}

function emptyTally(mek: MekReference): WrapTally {
  return { ...mekIn(mek), active: 0, retired: 0, previousWraps: 0 };
}

function keyOf({ keyProvider, mekName, mekVersion }: MekReference): string {
  return JSON.stringify([keyProvider, mekName, mekVersion]);
}

function isLong({ keyProvider, mekName }: MekReference): boolean {
  return keyProvider.length > LONGEST_NAME || mekName.length > LONGEST_NAME;
}

function rowsOf({ active, retired }: WrapCensus): number {
  return active + retired;
}

const MOST_NAMED = 100;

export class CensusCount {
  readonly #product: string;
  readonly #record: RotationRecord | undefined;
  readonly #leastEpoch: number;
  readonly #totals = { rows: 0, active: 0, retired: 0, shredded: 0, behind: 0, ahead: 0 };
  readonly #wraps: Tallies<WrapTally>;
  readonly #epochs: Tallies<{ readonly epoch: number; rows: number }>;
  readonly #unreadableRows: UnreadableRow[] = [];
  #unreadable = 0;

  /** @param leastEpoch - The least possible epoch: a record below it was restored from an older state. */
  constructor(product: string, record: RotationRecord | undefined, leastEpoch = 1) {
    this.#product = product;
    this.#record = record;
    this.#leastEpoch = leastEpoch;
    const named = record ? [record, ...record.history] : [];
    this.#wraps = new Tallies(named.map(keyOf), emptyTally(OTHER));
    this.#epochs = new Tallies(record ? [String(record.epoch)] : [], { epoch: 0, rows: 0 });
  }

  /** @returns The row, unless it cannot be read. */
  add(item: StoredItem): DekRow | undefined {
    this.#totals.rows += 1;
    try {
      const row = rowIn(item, this.#product);
      if (this.#record) requireCredible(row, this.#record);
      if (isLive(row)) this.#addLive(row);
      else this.#totals.shredded += 1;
      return row;
    } catch (error) {
      this.#unreadable += 1;
      if (this.#unreadable <= MOST_NAMED) this.#unreadableRows.push({ dekId: idOf(item), error });
      return undefined;
    }
  }

  result(): Census {
    const { behind, ahead } = this.#totals;
    const { active, retired, previousWraps } = this.#wraps.other;
    const { rows: otherEpochs } = this.#epochs.other;
    const isNewest = (this.#record?.epoch ?? 0) >= this.#leastEpoch;
    const isComplete = isNewest && this.#record?.state === 'complete';
    return {
      product: this.#product,
      rotation: this.#record && {
        ...mekIn(this.#record),
        epoch: this.#record.epoch,
        state: this.#record.state,
      },
      ...this.#totals,
      wraps: this.#wraps.apart.sort((one, other) => rowsOf(other) - rowsOf(one)),
      ...(active + retired + previousWraps > 0 && {
        otherWraps: { active, retired, previousWraps },
      }),
      epochs: this.#epochs.apart.sort((one, other) => other.epoch - one.epoch),
      ...(otherEpochs > 0 && { otherEpochs }),
      unreadable: this.#unreadable,
      unreadableRows: this.#unreadableRows,
      settled: isComplete && behind + ahead + this.#unreadable === 0,
    };
  }

  #wrapsOf(mek: MekReference): WrapTally {
    return this.#wraps.of(keyOf(mek), isLong(mek), () => emptyTally(mek));
  }

  #addLive(row: LiveDekRow): void {
    const { state, epoch, previousWrap } = row;
    this.#totals[state] += 1;
    this.#wrapsOf(row)[state] += 1;
    if (previousWrap) this.#wrapsOf(previousWrap).previousWraps += 1;
    this.#epochs.of(String(epoch), false, () => ({ epoch, rows: 0 })).rows += 1;
    if (!this.#record) return;
    if (epoch > this.#record.epoch) this.#totals.ahead += 1;
    else if (epoch < this.#record.epoch || !isSameMek(row, this.#record)) this.#totals.behind += 1;
  }
}
