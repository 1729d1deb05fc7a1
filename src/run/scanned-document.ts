/** Lists the documents of a store, and reads them. @module */
import { checkedItem } from '../cipher/document-updater.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { brokenContract } from '../errors/errors.js';
import type {
  DocumentPage,
  DocumentStore,
  StoredDocumentItem,
  DocumentStoreOptions,
  ListDocumentsOptions,
} from '../store/document-store.js';
import { pagesOf } from './passes.js';

export type AnyDocument = Record<string, unknown>;
export type AnyDocumentStore = DocumentStore<AnyDocument>;
export type AnyDocumentItem = StoredDocumentItem<AnyDocument>;

export function documentPages(
  store: Pick<AnyDocumentStore, 'list'>,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly AnyDocumentItem[], void, void> {
  const list = async (options: ListDocumentsOptions): Promise<DocumentPage<AnyDocument>> =>
    checkedPage(await store.list(options));
  return pagesOf(list, ['document store', 'D6'], signal);
}

/**
 * `null`, or a page of another form, must not count as a collection without documents. A malformed document
 * fails alone, and passes here.
 */
function checkedPage(answer: unknown): DocumentPage<AnyDocument> {
  const { items, continuation } = (answer ?? {}) as Partial<DocumentPage<AnyDocument>>;
  if (!Array.isArray(items)) {
    throw brokenContract('document store', 'D6', 'list returned an unexpected value');
  }
  if (!items.every(hasEtag)) {
    throw brokenContract('document store', 'D6', 'list returned a document without an etag');
  }
  if (continuation !== undefined && !isText(continuation)) {
    throw brokenContract('document store', 'D6', 'list returned a continuation that is not text');
  }
  return answer as DocumentPage<AnyDocument>;
}

function hasEtag(item: unknown): boolean {
  return isText((item as Partial<AnyDocumentItem> | null | undefined)?.etag);
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

/** The key properties that a document has, by name: `{ workspaceId: 'w1', id: 'n1' }`. */
export type DocumentIdentity = Readonly<Record<string, string>>;

export function identityOf({ key }: AnyDefinition, document: object): DocumentIdentity {
  const properties = document as Readonly<Record<string, unknown>>;
  const parts = key.flatMap((name) => {
    const part = Object.hasOwn(properties, name) ? properties[name] : undefined;
    return typeof part === 'string' ? [[name, part] as const] : [];
  });
  return Object.fromEntries(parts);
}

/** `undefined` only for a document that is truly absent; any other unexpected value is refused. */
export async function lookUpDocument(
  store: Pick<AnyDocumentStore, 'get'>,
  key: DocumentIdentity,
  signal: AbortSignal | undefined,
): Promise<AnyDocumentItem | undefined> {
  const answer: unknown = await store.get(key, { signal });
  return answer === undefined ? undefined : checkedItem(answer);
}

interface MeteredDocumentStoreParts {
  readonly store: AnyDocumentStore;
  readonly onRequestCharge: (units: number) => void;
  /** Called before each write; an error prevents the write. */
  readonly beforeWrite?: () => Promise<void>;
}

/** A document store as the runs use it. */
export type MeteredDocumentStore = AnyDocumentStore;

export function meteredDocumentStore({
  store,
  onRequestCharge,
  beforeWrite,
}: MeteredDocumentStoreParts): MeteredDocumentStore {
  // Without the signal: a write that was sent is always awaited.
  const forWrite = async (options?: DocumentStoreOptions): Promise<DocumentStoreOptions> => {
    await beforeWrite?.();
    options?.signal?.throwIfAborted();
    return { onRequestCharge };
  };
  return {
    reservedProperties: store.reservedProperties ?? [],
    get: (key, options) => store.get(key, { ...options, onRequestCharge }),
    list: (options) => store.list({ ...options, onRequestCharge }),
    count: (options) => store.count({ ...options, onRequestCharge }),
    create: async (document, options) => store.create(document, await forWrite(options)),
    replace: async (document, etag, options) =>
      store.replace(document, etag, await forWrite(options)),
    delete: async (key, etag, options) => store.delete(key, etag, await forWrite(options)),
  };
}
