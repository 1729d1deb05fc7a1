/** Walks through all documents of a store, a page at a time. @module */
import { brokenContract } from '../errors.js';
import type { DocumentPage, DocumentStore, StoredDocumentItem } from '../store/document-store.js';

export type AnyDocument = Record<string, unknown>;
export type AnyDocumentStore = DocumentStore<AnyDocument>;
export type AnyDocumentItem = StoredDocumentItem<AnyDocument>;

const PAGE_SIZE = 200;

export async function* documentPages(
  store: AnyDocumentStore,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly AnyDocumentItem[], void, void> {
  let continuation: string | undefined;
  do {
    const page = await store.list({ pageSize: PAGE_SIZE, continuation, signal });
    yield itemsOf(page);
    if (page.continuation !== undefined && page.continuation === continuation) {
      throw brokenContract('document store', 'D6', 'list gave the same continuation again');
    }
    continuation = page.continuation;
  } while (continuation !== undefined);
}

/** `null`, or a page of another form, must not pass for a collection without documents. */
function itemsOf(page: DocumentPage<AnyDocument> | null | undefined): readonly AnyDocumentItem[] {
  const { items } = (page ?? {}) as Partial<DocumentPage<AnyDocument>>;
  if (Array.isArray(items)) return items as readonly AnyDocumentItem[];
  throw brokenContract('document store', 'D6', 'list answered with something else');
}
