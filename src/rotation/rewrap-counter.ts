/** Counts what became of the rows of one pass. @module */
import type { RewrapCounts, RowOutcome, SkippedEvent } from './rewrap-event.js';
import type { SettledRow } from './row-rewrapper.js';

const PROPERTY_OF: Readonly<Record<RowOutcome['type'], keyof RewrapCounts>> = {
  rewrapped: 'rewrapped',
  current: 'current',
  skipped: 'skipped',
  failed: 'failed',
  'would-rewrap': 'wouldRewrap',
};

const LEFT_FOR_LATER: readonly SkippedEvent['reason'][] = ['other-shard', 'other-version'];

export class RewrapCounter {
  readonly #counts = {
    scanned: 0,
    rewrapped: 0,
    current: 0,
    skipped: 0,
    failed: 0,
    wouldRewrap: 0,
  };
  /** Rows that were written, or that someone else wrote first. */
  disturbed = 0;
  /** Live rows that are not where the rotation is to bring them. */
  left = 0;
  repaired = 0;
  flipped = 0;

  add({ outcome, lostRace }: SettledRow): void {
    this.#counts.scanned += 1;
    this.#counts[PROPERTY_OF[outcome.type]] += 1;
    if (lostRace || isWritten(outcome)) this.disturbed += 1;
    if (isLeft(outcome)) this.left += 1;
    if (outcome.type === 'rewrapped' && outcome.repaired) this.repaired += 1;
    if (outcome.type === 'rewrapped' && outcome.flipped) this.flipped += 1;
  }

  /** Nothing was done, and nothing is left to do. */
  get isClean(): boolean {
    return this.disturbed === 0 && this.left === 0;
  }

  get counts(): RewrapCounts {
    return { ...this.#counts };
  }
}

function isWritten(outcome: RowOutcome): boolean {
  return outcome.type === 'rewrapped' || (outcome.type === 'current' && outcome.epochMoved);
}

/** Of a live row: it is not where the rotation is to bring it. */
export function isLeft(outcome: RowOutcome): boolean {
  if (outcome.type === 'skipped') return LEFT_FOR_LATER.includes(outcome.reason);
  return outcome.type === 'failed' || outcome.type === 'would-rewrap';
}
