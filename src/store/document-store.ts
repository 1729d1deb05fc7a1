/** The contract between the library's migrations and the database that holds documents. @module */
import type { AnyDefinition } from '../document/typed-document.js';

export interface DocumentStoreOptions {
  /** Stops the call within one attempt; it rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Called once for each request that the store is billed for, with its request units. Stores without
   * a price never call it.
   */
  readonly onRequestCharge?: ((units: number) => void) | undefined;
}

export interface ListDocumentsOptions extends DocumentStoreOptions {
  /** Most documents in a page. @default 100 */
  readonly pageSize?: number;
  /** From the previous page; absent for the first. */
  readonly continuation?: string | undefined;
  /**
   * Only documents whose first key parts have these values: `{ workspaceId: 'w1' }` for the key
   * `['workspaceId', 'id']`. @default all documents
   */
  readonly prefix?: Readonly<Record<string, string>> | undefined;
}

export const DOCUMENT_LIST_OPTIONS: readonly (keyof ListDocumentsOptions)[] = [
  'pageSize',
  'continuation',
  'prefix',
  'signal',
  'onRequestCharge',
];

/** A document as a store read it. */
export interface StoredDocumentItem<Document extends object> {
  readonly document: Document;
  /** Changes with every write of the document, and is never reused for it. */
  readonly etag: string;
}

export interface DocumentPage<Document extends object> {
  readonly items: readonly StoredDocumentItem<Document>[];
  /** Absent on the last page. A page may be empty and still have one. */
  readonly continuation?: string;
}

/** Key properties of a document by name, `{ workspaceId: 'w1', id: 'n1' }`; others are ignored. */
export type DocumentKeyProperties = Readonly<Record<string, unknown>>;

/**
 * Keeps the documents of one collection, for migrations and demos.
 *
 * Run `documentStoreContract` from `@bytelyst/field-encrypt/testing` against your own implementation.
 * Implementations must:
 *
 * - **D1** `create`: write the document if its key is free, else reject with `ALREADY_EXISTS`.
 * - **D2** `get`: return the newest document, or `undefined` only when it is truly absent; a failed read
 *   rejects.
 * - **D3** `replace`: write only if the stored etag equals the given one, else reject with `ETAG_MISMATCH`
 *   and write nothing; also when the document does not exist. Of concurrent replaces with one etag exactly
 *   one succeeds. Never insert.
 * - **D4** `delete`: remove only if the stored etag equals the given one, else reject with `ETAG_MISMATCH`.
 * - **D5** give every write a new etag, also when the content is the same, and the one that the next read
 *   returns.
 * - **D6** `list`: return each document that exists throughout the listing once, in pages no larger than
 *   requested, resumable from any continuation.
 * - **D7** `count`: return the number of documents.
 * - **D8** return every JSON value as it was written, U+0000, any Unicode and a property named `__proto__`
 *   included.
 * - **D9** distinguish documents whose keys differ in any property, however the parts are split: `("a",
 *   "bc")` is not `("ab", "c")`; or refuse with a RangeError, before anything is written, a key part that the
 *   database cannot hold.
 * - **D10** reject with `signal.reason`, having written nothing, when the signal has aborted.
 * - **D11** `list` with `prefix`: return, as D6 says, the documents whose first key parts equal the prefix byte
 *   for byte, and no others. Refuse a prefix without the first key part, with a gap, with another name or with
 *   a value that is no key part, and a continuation that a listing with another prefix returned, or one
 *   without a prefix: a tenant must not get documents of another, nor miss some of its own.
 */
export interface DocumentStore<Document extends object = Record<string, unknown>> {
  /**
   * Top-level properties that the database reserves. Definitions that declare one are refused, and so are new
   * documents that have one, before a DEK is created for them. @default none
   */
  readonly reservedProperties?: readonly string[];
  create(document: Document, options?: DocumentStoreOptions): Promise<StoredDocumentItem<Document>>;
  get(
    key: DocumentKeyProperties,
    options?: DocumentStoreOptions,
  ): Promise<StoredDocumentItem<Document> | undefined>;
  replace(
    document: Document,
    etag: string,
    options?: DocumentStoreOptions,
  ): Promise<StoredDocumentItem<Document>>;
  delete(key: DocumentKeyProperties, etag: string, options?: DocumentStoreOptions): Promise<void>;
  list(options?: ListDocumentsOptions): Promise<DocumentPage<Document>>;
  count(options?: DocumentStoreOptions): Promise<number>;
}

type Reserving = Pick<DocumentStore, 'reservedProperties'>;

/** @throws RangeError where a sealed field could not be stored. */
export function refuseReservedFields(
  { reservedProperties = [] }: Reserving,
  { fields }: AnyDefinition,
): void {
  const path = fields.find((each) => reservedProperties.includes(firstNameIn(each)));
  if (path === undefined) return;
  throw new RangeError(
    `The field path "${path}" cannot be stored: the database reserves the property "${firstNameIn(path)}"; rename it`,
  );
}

/** @throws RangeError for a document that is not stored yet, so the name can only come from the caller. */
export function refuseReservedProperties(
  { reservedProperties = [] }: Reserving,
  document: object,
): void {
  const own = document as Readonly<Record<string, unknown>>;
  const name = reservedProperties.find(
    (each) => Object.hasOwn(own, each) && own[each] !== undefined,
  );
  if (name === undefined) return;
  throw new RangeError(
    `The document cannot be stored: the database reserves the property "${name}"; rename it, or leave it out where the database set it`,
  );
}

function firstNameIn(path: string): string {
  return path.split(/[.[]/, 1)[0] ?? '';
}
