/** Adds up the rows of a census. @module */
import { isLive, type DekRow, type LiveDekRow } from '../dek/dek-row.js';
import { requireCredible } from '../dek/generation-bound.js';
import { isSameMek, mekIn, type MekReference } from '../provider/key-wrap.js';
import type { StoredItem } from '../store/dek-store.js';
import type { RotationRecord } from './rotation-record.js';
import { idOf, rowIn } from './row-decision.js';
import type { Census, UnreadableRow, WrapCensus } from './take-census.js';

type WrapTally = { -readonly [Name in keyof WrapCensus]: WrapCensus[Name] };

const MOST_NAMED = 100;

export class CensusCount {
  readonly #product: string;
  readonly #record: RotationRecord | undefined;
  readonly #leastEpoch: number;
  readonly #totals = { rows: 0, active: 0, retired: 0, shredded: 0, behind: 0, ahead: 0 };
  readonly #wraps = new Map<string, WrapTally>();
  readonly #epochs = new Map<number, number>();
  readonly #unreadableRows: UnreadableRow[] = [];
  #unreadable = 0;

  /** @param leastEpoch - Known from elsewhere: a record below it was put back. */
  constructor(product: string, record: RotationRecord | undefined, leastEpoch = 1) {
    this.#product = product;
    this.#record = record;
    this.#leastEpoch = leastEpoch;
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
      wraps: [...this.#wraps.values()].sort((one, other) => rowsOf(other) - rowsOf(one)),
      epochs: [...this.#epochs]
        .sort(([one], [other]) => other - one)
        .map(([epoch, rows]) => ({ epoch, rows })),
      unreadable: this.#unreadable,
      unreadableRows: this.#unreadableRows,
      settled: isComplete && behind + ahead + this.#unreadable === 0,
    };
  }

  #addLive(row: LiveDekRow): void {
    const { state, epoch, previousWrap } = row;
    this.#totals[state] += 1;
    this.#tallyOf(row)[state] += 1;
    if (previousWrap) this.#tallyOf(previousWrap).previousWraps += 1;
    this.#epochs.set(epoch, (this.#epochs.get(epoch) ?? 0) + 1);
    if (!this.#record) return;
    if (epoch > this.#record.epoch) this.#totals.ahead += 1;
    else if (epoch < this.#record.epoch || !isSameMek(row, this.#record)) this.#totals.behind += 1;
  }

  #tallyOf(mek: MekReference): WrapTally {
    const key = JSON.stringify([mek.keyProvider, mek.mekName, mek.mekVersion]);
    const known = this.#wraps.get(key);
    if (known) return known;
    const tally = { ...mekIn(mek), active: 0, retired: 0, previousWraps: 0 };
    this.#wraps.set(key, tally);
    return tally;
  }
}

function rowsOf({ active, retired }: WrapCensus): number {
  return active + retired;
}
