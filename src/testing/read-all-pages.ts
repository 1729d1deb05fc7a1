/** Reads a listing to its end, page by page. @module */
import assert from 'node:assert/strict';

interface Page<Item> {
  readonly items: readonly Item[];
  readonly continuation?: string;
}

export interface WholeListing<Item> {
  readonly items: readonly Item[];
  /** From each page but the last. */
  readonly continuations: readonly string[];
}

export interface ReadAllPagesOptions {
  /** No page may hold more. */
  readonly pageSize: number;
  readonly continuation?: string | undefined;
}

const MOST_PAGES = 2_000;

/** Everything from a continuation on. Empty pages are legal; a listing that never ends is not. */
export async function readAllPages<Item>(
  { pageSize, continuation: from }: ReadAllPagesOptions,
  readPage: (continuation: string | undefined) => Promise<Page<Item>>,
): Promise<WholeListing<Item>> {
  const items: Item[] = [];
  const continuations: string[] = [];
  let continuation = from;
  do {
    assert.ok(continuations.length < MOST_PAGES, 'the listing does not end');
    const page = await readPage(continuation);
    assert.ok(page.items.length <= pageSize, 'a page is larger than asked');
    items.push(...page.items);
    continuation = page.continuation;
    if (continuation !== undefined) continuations.push(continuation);
  } while (continuation !== undefined);
  return { items, continuations };
}
