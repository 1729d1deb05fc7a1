/** Lists the documents of a store, and reads them. @module */
import { checkedItem } from '../cipher/document-updater.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { brokenContract } from '../errors/errors.js';
import type {
  DocumentPage,
  DocumentStore,
  StoredDocumentItem,
  DocumentKeyProperties,
  DocumentStoreOptions,
  ListDocumentsOptions,
} from '../store/document-store.js';

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
    signal?.throwIfAborted();
    const page = checkedPage(await store.list({ pageSize: PAGE_SIZE, continuation, signal }));
    yield page.items;
    if (page.continuation !== undefined && page.continuation === continuation) {
      throw brokenContract('document store', 'D6', 'list returned the same continuation again');
    }
    continuation = page.continuation;
  } while (continuation !== undefined);
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
  store: AnyDocumentStore,
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

export class MeteredDocumentStore implements AnyDocumentStore {
  readonly #parts: MeteredDocumentStoreParts;

  constructor(parts: MeteredDocumentStoreParts) {
    this.#parts = parts;
  }

  get reservedProperties(): readonly string[] {
    return this.#parts.store.reservedProperties ?? [];
  }

  get(
    key: DocumentKeyProperties,
    options?: DocumentStoreOptions,
  ): Promise<AnyDocumentItem | undefined> {
    return this.#parts.store.get(key, this.#metered(options));
  }

  list(options?: ListDocumentsOptions): Promise<DocumentPage<AnyDocument>> {
    return this.#parts.store.list(this.#metered(options));
  }

  count(options?: DocumentStoreOptions): Promise<number> {
    return this.#parts.store.count(this.#metered(options));
  }

  async create(document: AnyDocument, options?: DocumentStoreOptions): Promise<AnyDocumentItem> {
    return this.#parts.store.create(document, await this.#forWrite(options));
  }

  async replace(
    document: AnyDocument,
    etag: string,
    options?: DocumentStoreOptions,
  ): Promise<AnyDocumentItem> {
    return this.#parts.store.replace(document, etag, await this.#forWrite(options));
  }

  async delete(
    key: DocumentKeyProperties,
    etag: string,
    options?: DocumentStoreOptions,
  ): Promise<void> {
    await this.#parts.store.delete(key, etag, await this.#forWrite(options));
  }

  /** Without the signal: a write that was sent is always awaited. */
  async #forWrite(options: DocumentStoreOptions | undefined): Promise<DocumentStoreOptions> {
    await this.#parts.beforeWrite?.();
    options?.signal?.throwIfAborted();
    return this.#metered({});
  }

  #metered(options: ListDocumentsOptions | undefined): ListDocumentsOptions {
    return { ...options, onRequestCharge: this.#parts.onRequestCharge };
  }
}
