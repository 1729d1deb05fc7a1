/** Which rows the scans of a rewrap are over, one stage after the other. @module */
import type { StoredItem } from '../store/dek-store.js';
import { ownProperties } from '../guards/guards.js';
import type { PassCounter } from '../run/run-counter.js';
import type { PassEvent } from '../run/run-event.js';
import { ROUNDS, inOwnOrder, isOfRound, type RewrapShard } from './rewrap-shard.js';

export interface PassStage {
  /** The scan is over these rows alone; absent for all of them. */
  readonly shard?: RewrapShard;
  /** Rows of the scan that are left to others although they are not done; absent for none. */
  readonly isMine?: (dekId: string) => boolean;
  /** Other workers are about, and sooner or later at the same rows. */
  readonly isShared?: boolean;
  /** In which order the rows of a page are taken; absent for that of the store. */
  readonly inOrder?: (items: readonly StoredItem[]) => readonly StoredItem[];
}

/**
 * A worker with a shard scans that until nothing is left of it to do. Then all rows, and helps with
 * what others have not done: in each scan with the part that is dealt to it, and at last with
 * everything. Like one without a shard it ends with two scans over all rows.
 */
export class PassStages {
  readonly #stages: PassStage[];
  #before: PassCounter | undefined;

  constructor(shard: RewrapShard | undefined) {
    const hasPart = shard !== undefined && shard.count > 1;
    this.#stages = hasPart ? stagesFor(shard) : [ownProperties({})];
  }

  get current(): PassStage {
    return this.#stages[0] ?? {};
  }

  get purpose(): PassEvent['purpose'] {
    return this.#before?.isClean ? 'verify' : 'change';
  }

  /** @returns Whether the scan that is counted was the last one. */
  isOverAfter(counter: PassCounter): boolean {
    const { shard, isMine } = this.current;
    if (shard) {
      if (counter.disturbed === 0) this.#stages.shift();
      return false;
    }
    if (isMine) {
      // Whatever it found done is done whoever did it, so a clean one is as good as any.
      if (counter.isClean) this.#stages.splice(0, this.#stages.length - 1);
      else this.#stages.shift();
      this.#before = counter.isClean ? counter : undefined;
      return false;
    }
    if (this.#before && isOver(this.#before, counter)) return true;
    this.#before = counter;
    return false;
  }
}

/** After two scans that found nothing to do, or two in which nothing could be done. */
function isOver(before: PassCounter, last: PassCounter): boolean {
  if (before.disturbed > 0 || last.disturbed > 0) return false;
  return before.isClean || !last.isClean;
}

function stagesFor(shard: RewrapShard): PassStage[] {
  const deals = Array.from({ length: ROUNDS }, (_each, deal) => ({
    isMine: (dekId: string) => isOfRound(shard, deal + 1, dekId),
  }));
  const everything = {
    inOrder: (items: readonly StoredItem[]) => inOwnOrder(shard, items),
  };
  return [{ shard }, ...deals, everything].map((stage) =>
    ownProperties({ ...stage, isShared: true }),
  );
}
