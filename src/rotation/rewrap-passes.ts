/** The stages of a rotation's passes, and the shards that several workers divide them into. @module */
import { readOptions, requireIntegerBetween, ownProperties } from '../guards/guards.js';
import type { PassCounter } from '../run/run-counter.js';
import type { PassEvent } from '../run/run-event.js';
import { idOf } from '../run/scanned-row.js';
import type { DekRowFilter, StoredItem } from '../store/dek-store.js';

/** The index of this worker among all; the others have the same `count` and the other indexes. */
export interface RewrapShard {
  /** From 0 to `count - 1`. */
  readonly index: number;
  /** 1 to 256. */
  readonly count: number;
}

const MOST_SHARDS = 256;
/** A dekId begins with 32 random hex digits: enough for a range, and for three ways to distribute rows. */
const DIGITS = 8;
const HEX = 16;
export const ROUNDS = 3;

/** @throws TypeError or RangeError for an invalid shard. */
export function readShard(shard: RewrapShard): RewrapShard {
  const { index, count } = readOptions(shard, ['index', 'count'], 'shard');
  requireIntegerBetween('shard.count', count, 1, MOST_SHARDS);
  requireIntegerBetween('shard.index', index, 0, count - 1);
  return { index, count };
}

/** The first and the last shard are open-ended: every possible id is in one of them. */
export function idRangeOf({
  index,
  count,
}: RewrapShard): Pick<DekRowFilter, 'idBefore' | 'idFrom'> {
  return {
    ...(index > 0 && { idFrom: beginningOf(index, count) }),
    ...(index < count - 1 && { idBefore: beginningOf(index + 1, count) }),
  };
}

/**
 * Whether a row is assigned to this worker in a round, by digits that are independent of its shard. So the
 * rows that a worker leaves behind are spread over all the others, and no two of them work on the same ones.
 */
export function isOfRound({ index, count }: RewrapShard, round: number, dekId: string): boolean {
  const from = DIGITS * round;
  return Number.parseInt(dekId.slice(from, from + DIGITS), HEX) % count === index;
}

/**
 * Returns the rows of a page in an order that differs between workers, so that they do not work on the same
 * rows.
 */
export function inOwnOrder(
  { index }: RewrapShard,
  items: readonly StoredItem[],
): readonly StoredItem[] {
  const from = DIGITS + (index % (ROUNDS * DIGITS));
  const ranked = items.map((item) => ({ item, rank: idOf(item).slice(from) }));
  return ranked.sort((a, b) => (a.rank < b.rank ? -1 : 1)).map(({ item }) => item);
}

function beginningOf(index: number, count: number): string {
  const first = Math.round((index * HEX ** DIGITS) / count);
  return first.toString(HEX).padStart(DIGITS, '0');
}

export interface PassStage {
  /** The scan covers these rows alone; absent for all rows. */
  readonly shard?: RewrapShard;
  /** Unfinished rows outside this selection are left to other workers; absent for none. */
  readonly isMine?: (dekId: string) => boolean;
  /** Other workers run too, and sooner or later reach the same rows. */
  readonly isShared?: boolean;
  /** The order for the rows of a page; absent for that of the store. */
  readonly inOrder?: (items: readonly StoredItem[]) => readonly StoredItem[];
}

/**
 * A worker with a shard scans the shard until it has nothing left to do. Then it scans all rows and helps
 * with what other workers have not done: in each scan with the part assigned to that round, and finally with
 * everything. Like a worker without a shard, it ends with two scans over all rows.
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

  /** @returns Whether the counted scan was the last one. */
  isOverAfter(counter: PassCounter): boolean {
    const { shard, isMine } = this.current;
    if (shard) {
      if (counter.disturbed === 0) this.#stages.shift();
      return false;
    }
    if (isMine) {
      // Rows that other workers finished count too, so a clean scan is as good as any.
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

/** True after two scans that found nothing to do, or two in which nothing could be done. */
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
