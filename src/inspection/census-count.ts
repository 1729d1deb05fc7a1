/** Adds up the rows of a census. @module */
import { requireCredible } from '../dek/dek-bounds.js';
import {
  isLive,
  type DekRow,
  type LiveDekRow,
  isSameMek,
  mekIn,
  type MekReference,
} from '../format/dek-row.js';
import type { RotationRecord } from '../format/rotation-record.js';
import { idOf, rowIn } from '../run/change-row.js';
import type { StoredItem } from '../store/dek-store.js';
import type { Census, UnreadableRow, WrapCensus } from './take-census.js';

type WrapTally = { -readonly [Name in keyof WrapCensus]: WrapCensus[Name] };

/** How many names are counted separately, in addition to those of the rotation record. */
const MOST_COUNTED_APART = 256;
const LONGEST_NAME = 256;
const OTHER: MekReference = { keyProvider: '', mekName: '', mekVersion: '' };

/** The tallies by MEK version. */
class WrapTallies {
  readonly #byMek = new Map<string, WrapTally>();
  readonly #expected: ReadonlySet<string>;
  readonly #other = emptyTally(OTHER);
  #unexpected = 0;

  constructor(record: RotationRecord | undefined) {
    const named = record ? [record, ...record.history] : [];
    this.#expected = new Set(named.map(keyOf));
  }

  of(mek: MekReference): WrapTally {
    const key = keyOf(mek);
    const known = this.#byMek.get(key);
    if (known) return known;
    if (!this.#expected.has(key)) {
      if (this.#unexpected >= MOST_COUNTED_APART || isLong(mek)) return this.#other;
      this.#unexpected += 1;
    }
    const tally = emptyTally(mek);
    this.#byMek.set(key, tally);
    return tally;
  }

  /** The most frequent first. */
  get apart(): readonly WrapCensus[] {
    return [...this.#byMek.values()].sort((one, other) => rowsOf(other) - rowsOf(one));
  }

  /** Absent where every version is counted separately. */
  get other(): Omit<WrapCensus, keyof MekReference> | undefined {
    const { active, retired, previousWraps } = this.#other;
    return active + retired + previousWraps > 0 ? { active, retired, previousWraps } : undefined;
  }
}

/** The tallies by epoch. */
class EpochTallies {
  readonly #rows = new Map<number, number>();
  readonly #current: number | undefined;
  #unexpected = 0;
  /** Rows of epochs that are not counted separately. */
  other = 0;

  constructor(record: RotationRecord | undefined) {
    this.#current = record?.epoch;
  }

  add(epoch: number): void {
    const rows = this.#rows.get(epoch) ?? 0;
    if (rows === 0 && epoch !== this.#current) {
      if (this.#unexpected >= MOST_COUNTED_APART) {
        this.other += 1;
        return;
      }
      this.#unexpected += 1;
    }
    this.#rows.set(epoch, rows + 1);
  }

  /** The newest first. */
  get apart(): readonly { readonly epoch: number; readonly rows: number }[] {
    return [...this.#rows]
      .sort(([one], [other]) => other - one)
      .map(([epoch, rows]) => ({ epoch, rows }));
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
  readonly #wraps: WrapTallies;
  readonly #epochs: EpochTallies;
  readonly #unreadableRows: UnreadableRow[] = [];
  #unreadable = 0;

  /** @param leastEpoch - The least possible epoch: a record below it was restored from an older state. */
  constructor(product: string, record: RotationRecord | undefined, leastEpoch = 1) {
    this.#product = product;
    this.#record = record;
    this.#leastEpoch = leastEpoch;
    this.#wraps = new WrapTallies(record);
    this.#epochs = new EpochTallies(record);
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
    const { other: otherWraps } = this.#wraps;
    const { other: otherEpochs } = this.#epochs;
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
      wraps: this.#wraps.apart,
      ...(otherWraps && { otherWraps }),
      epochs: this.#epochs.apart,
      ...(otherEpochs > 0 && { otherEpochs }),
      unreadable: this.#unreadable,
      unreadableRows: this.#unreadableRows,
      settled: isComplete && behind + ahead + this.#unreadable === 0,
    };
  }

  #addLive(row: LiveDekRow): void {
    const { state, epoch, previousWrap } = row;
    this.#totals[state] += 1;
    this.#wraps.of(row)[state] += 1;
    if (previousWrap) this.#wraps.of(previousWrap).previousWraps += 1;
    this.#epochs.add(epoch);
    if (!this.#record) return;
    if (epoch > this.#record.epoch) this.#totals.ahead += 1;
    else if (epoch < this.#record.epoch || !isSameMek(row, this.#record)) this.#totals.behind += 1;
  }
}
