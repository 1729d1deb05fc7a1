/** Walks through all rows of a product, a page at a time. @module */
import { brokenContract } from '../errors.js';
import type { DekRowFilter, DekStore, StoredItem } from '../store/dek-store.js';

const PAGE_SIZE = 200;

export async function* dekRowPages(
  dekStore: DekStore,
  filter: DekRowFilter,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly StoredItem[], void, void> {
  let continuation: string | undefined;
  do {
    const page = await dekStore.list(filter, { pageSize: PAGE_SIZE, continuation, signal });
    yield page.items;
    if (page.continuation !== undefined && page.continuation === continuation) {
      throw brokenContract('DEK store', 'S7', 'list gave the same continuation again');
    }
    continuation = page.continuation;
  } while (continuation !== undefined);
}
