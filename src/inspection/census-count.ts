/** Adds up the rows of a census. @module */
import { isLive, type DekRow, type LiveDekRow } from '../format/dek-row.js';
import { requireCredible } from '../dek/generation-bound.js';
import { isSameMek, mekIn } from '../format/key-wrap.js';
import type { StoredItem } from '../store/dek-store.js';
import { EpochTallies, WrapTallies } from './bounded-tallies.js';
import type { RotationRecord } from '../format/rotation-record.js';
import { idOf, rowIn } from '../run/scanned-row.js';
import type { Census, UnreadableRow } from './take-census.js';

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

  /** @param leastEpoch - Known from elsewhere: a record below it was put back. */
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
