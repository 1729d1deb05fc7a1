/** A worker's part of the rows, where several rewrap one product at once. @module */
import { readOptions, requireIntegerBetween } from '../guards/guards.js';
import type { DekRowFilter, StoredItem } from '../store/dek-store.js';
import { idOf } from '../run/scanned-row.js';

/** Which of how many workers this one is; the others have the same `count` and the other indexes. */
export interface RewrapShard {
  /** From 0 to `count - 1`. */
  readonly index: number;
  /** 1 to 256. */
  readonly count: number;
}

const MOST_SHARDS = 256;
/** A dekId begins with 32 random hex digits: enough for a range, and for three ways to deal them out. */
const DIGITS = 8;
const HEX = 16;
export const ROUNDS = 3;

/** @throws TypeError or RangeError for a shard that there is not. */
export function readShard(shard: RewrapShard): RewrapShard {
  const { index, count } = readOptions(shard, ['index', 'count'], 'shard');
  requireIntegerBetween('shard.count', count, 1, MOST_SHARDS);
  requireIntegerBetween('shard.index', index, 0, count - 1);
  return { index, count };
}

/** The first and the last shard are open to the outside: every id there can be is in one of them. */
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
 * Whether a row is dealt to this worker by digits that say nothing of its shard: so the rows that a
 * worker leaves behind are spread over all the others, and no two of them work at the same ones.
 */
export function isOfRound({ index, count }: RewrapShard, deal: number, dekId: string): boolean {
  const from = DIGITS * deal;
  return Number.parseInt(dekId.slice(from, from + DIGITS), HEX) % count === index;
}

/** The rows of a page in an order that other workers do not have: they would be at the same ones. */
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
