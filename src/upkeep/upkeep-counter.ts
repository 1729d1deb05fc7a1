/** Counts what became of the rows of one pass. @module */
import type { UpkeepCounts, UpkeepOutcome } from './upkeep-event.js';

export interface TendedRow {
  readonly outcome: UpkeepOutcome;
  /** Someone else wrote the row in the meantime. */
  readonly lostRace: boolean;
}

const PROPERTY_OF: Readonly<Record<UpkeepOutcome['type'], keyof UpkeepCounts>> = {
  changed: 'changed',
  current: 'current',
  skipped: 'skipped',
  failed: 'failed',
  'would-change': 'wouldChange',
};

export class UpkeepCounter {
  readonly #counts = {
    scanned: 0,
    changed: 0,
    current: 0,
    skipped: 0,
    failed: 0,
    wouldChange: 0,
  };
  #lostRaces = 0;

  add({ outcome, lostRace }: TendedRow): void {
    this.#counts.scanned += 1;
    this.#counts[PROPERTY_OF[outcome.type]] += 1;
    if (lostRace) this.#lostRaces += 1;
  }

  get counts(): UpkeepCounts {
    return { ...this.#counts };
  }

  /** Nothing was written in the meantime, by this run or by a rival of it. */
  get isCalm(): boolean {
    return this.#counts.changed + this.#lostRaces === 0;
  }
}
