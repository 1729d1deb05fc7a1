/** Lists the DEK rows of a product, and reads them. @module */
import { dekIdIn, NO_DEK_ID, parseDekRow, type DekRow } from '../format/dek-row.js';
import { brokenContract } from '../errors/errors.js';
import type { DekRowFilter, DekStore, StoredItem } from '../store/dek-store.js';
import { alteredItem } from '../format/item-shape.js';

const PAGE_SIZE = 200;

export async function* dekRowPages(
  dekStore: DekStore,
  filter: DekRowFilter,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly StoredItem[], void, void> {
  let continuation: string | undefined;
  do {
    signal?.throwIfAborted();
    const page = await dekStore.list(filter, { pageSize: PAGE_SIZE, continuation, signal });
    yield page.items;
    if (page.continuation !== undefined && page.continuation === continuation) {
      throw brokenContract('DEK store', 'S7', 'list returned the same continuation again');
    }
    continuation = page.continuation;
  } while (continuation !== undefined);
}

/** For events: the dekId, if it is known. */
export function idOf({ value, error }: StoredItem): string {
  return dekIdIn(value) ?? error?.dekId ?? NO_DEK_ID;
}

/** @throws The failure of the item; only its id may then be known. */
export function rowIn({ value, error }: StoredItem, product: string): DekRow {
  if (error) throw error;
  const row = parseDekRow(value);
  if (row.product !== product) throw alteredItem(`DEK row ${row.id}`, 'product');
  return row;
}
