/** One scan over the rows of a product. @module */
import type { StoredItem } from '../store/dek-store.js';
import { settleConcurrently } from '../settle-concurrently.js';
import { dekRowPages } from './dek-row-pages.js';
import { RewrapCounter } from './rewrap-counter.js';
import type { PassedEvent, PassEvent, RewrapRowEvent } from './rewrap-event.js';
import { idRangeOf, type RewrapShard } from './rewrap-shard.js';
import type { RotationContext } from './rotation-context.js';
import type { SettledRow } from './row-rewrapper.js';

export interface PassPlan {
  readonly pass: number;
  readonly purpose: PassEvent['purpose'];
  readonly concurrency: number;
  /** Over these rows alone. */
  readonly shard?: RewrapShard | undefined;
  /** @default the store's */
  readonly inOrder?: ((items: readonly StoredItem[]) => readonly StoredItem[]) | undefined;
  /** After each page was read, and before any of its rows is written. */
  readonly afterPage: () => Promise<unknown>;
  readonly settle: (item: StoredItem) => Promise<SettledRow>;
}

export async function* rewrapPass(
  { dekStore, product, signal }: RotationContext,
  { pass, purpose, concurrency, shard, inOrder, afterPage, settle }: PassPlan,
): AsyncGenerator<PassedEvent | PassEvent | RewrapRowEvent, RewrapCounter, void> {
  const rows = { product, ...(shard && idRangeOf(shard)) };
  const total = await dekStore.count(rows, { signal });
  yield { type: 'pass', pass, purpose, total, ...(shard && { shard }) };
  const counter = new RewrapCounter();
  for await (const items of dekRowPages(dekStore, rows, signal)) {
    await afterPage();
    const ordered = inOrder ? inOrder(items) : items;
    for await (const settled of settleConcurrently(ordered, settle, { concurrency, signal })) {
      counter.add(settled);
      yield { ...settled.outcome, counts: counter.counts };
    }
  }
  yield { type: 'passed', pass, counts: counter.counts };
  return counter;
}
