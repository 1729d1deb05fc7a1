/** Tallies by names that stand in rows: a writer of the database can make up any number of them. @module */
import { mekIn, type MekReference } from '../format/key-wrap.js';
import type { RotationRecord } from '../format/rotation-record.js';
import type { WrapCensus } from './take-census.js';

type WrapTally = { -readonly [Name in keyof WrapCensus]: WrapCensus[Name] };

/** Counted apart, besides those that the rotation record names. */
export const MOST_COUNTED_APART = 256;
const LONGEST_NAME = 256;
const OTHER: MekReference = { keyProvider: '', mekName: '', mekVersion: '' };

/** The tallies by MEK version. */
export class WrapTallies {
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

  /** The most used first. */
  get apart(): readonly WrapCensus[] {
    return [...this.#byMek.values()].sort((one, other) => rowsOf(other) - rowsOf(one));
  }

  /** Absent where every version is counted apart. */
  get other(): Omit<WrapCensus, keyof MekReference> | undefined {
    const { active, retired, previousWraps } = this.#other;
    return active + retired + previousWraps > 0 ? { active, retired, previousWraps } : undefined;
  }
}

/** The tallies by epoch. */
export class EpochTallies {
  readonly #rows = new Map<number, number>();
  readonly #current: number | undefined;
  #unexpected = 0;
  /** Rows of epochs that are not counted apart. */
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
