/** Documents in a SQLite file that any number of processes may share. @module */
import { systemClock, type Clock } from '../async/clock.js';
import { StoreError } from '../errors/errors.js';
import { documentKeyText } from '../format/key-scope.js';
import { readOptions, requireIdentifier, requireIntegerBetween } from '../guards/guards.js';
import { readCallOptions } from '../store/dek-store.js';
import { readDocumentListing } from '../store/key-prefix.js';
import type {
  DocumentKeyProperties,
  DocumentPage,
  DocumentStore,
  DocumentStoreOptions,
  ListDocumentsOptions,
  StoredDocumentItem,
} from '../store/document-store.js';
import {
  newEtag,
  parseStoredJson,
  parsePageEnd,
  columnText,
  requireTableName,
} from './stored-json.js';
import { SqliteConnection, type SqliteRow } from './sqlite-connection.js';
import type { Query, SqliteHandle } from './sqlite-handle.js';

export interface SqliteDocumentStoreOptions {
  /** Created at the first call unless it exists. One table for each collection. */
  readonly table: string;
  /** The properties that together identify a document, as in its definition. */
  readonly key: readonly string[];
  /** The source of time for waits for a lock. @default systemClock */
  readonly clock?: Clock;
}

const MOST_PAGE_SIZE = 10_000;

/**
 * Keeps the documents of one collection in one table of a SQLite file, as JSON.
 *
 * For migrations, demos and small installations on one machine; locks, durability and waiting are as in
 * {@link SqliteDekStore}. `document_key` holds the key parts as a JSON array.
 *
 * @throws {@link StoreError} from every method: `STORE_UNAVAILABLE` while the file stays locked - try again;
 *   `STORE_FAILED` for anything else that SQLite refuses - see the cause. TypeError where a document lacks a
 *   key property.
 *
 * @example
 * ```ts
 * import Database from 'libsql';
 * import { SqliteDocumentStore } from '@bytelyst/field-encrypt/sqlite';
 *
 * const notes = new SqliteDocumentStore(new Database(':memory:'), {
 *   table: 'notes',
 *   key: ['workspaceId', 'id'],
 * });
 * const { document, etag } = await notes.create({ workspaceId: 'w1', id: 'n1', title: 'Draft' });
 * await notes.replace({ ...document, title: 'Final' }, etag);
 * ```
 */
export class SqliteDocumentStore<
  Document extends object = Record<string, unknown>,
> implements DocumentStore<Document> {
  readonly #connection: SqliteConnection;
  readonly #key: readonly string[];
  readonly #sql: DocumentTable;
  readonly #tableName: string;

  /** @throws TypeError or RangeError where `table` is not a plain name, or `key` is empty. */
  constructor(handle: SqliteHandle, options: SqliteDocumentStoreOptions) {
    const { table, key, clock = systemClock } = readOptions(options, ['table', 'key', 'clock']);
    requireTableName(table);
    if (key.length === 0) throw new RangeError('"key" expected the names of at least one property');
    key.forEach((name, index) => {
      requireIdentifier(`key[${String(index)}]`, name);
    });
    this.#key = [...key];
    this.#tableName = table;
    this.#sql = new DocumentTable(table);
    const { createTable } = this.#sql;
    this.#connection = new SqliteConnection({ handle, table, createTable, clock });
  }

  async create(
    document: Document,
    options?: DocumentStoreOptions,
  ): Promise<StoredDocumentItem<Document>> {
    const etag = newEtag();
    const json = JSON.stringify(document);
    const values = [etag, json, this.#keyOf(document)];
    if (await this.#wrote({ sql: this.#sql.create, values }, options))
      return writtenItem(json, etag);
    throw new StoreError('ALREADY_EXISTS', 'The document already exists');
  }

  async get(
    key: DocumentKeyProperties,
    options?: DocumentStoreOptions,
  ): Promise<StoredDocumentItem<Document> | undefined> {
    const query = { sql: this.#sql.get, values: [this.#keyOf(key)] };
    const [row] = await this.#all(query, readCallOptions(options));
    return row && this.#itemOf(row);
  }

  async replace(
    document: Document,
    etag: string,
    options?: DocumentStoreOptions,
  ): Promise<StoredDocumentItem<Document>> {
    const nextEtag = newEtag();
    const json = JSON.stringify(document);
    const values = [nextEtag, json, this.#keyOf(document), columnText(etag)];
    if (await this.#wrote({ sql: this.#sql.replace, values }, options))
      return writtenItem(json, nextEtag);
    throw changedMeanwhile();
  }

  async delete(
    key: DocumentKeyProperties,
    etag: string,
    options?: DocumentStoreOptions,
  ): Promise<void> {
    const values = [this.#keyOf(key), columnText(etag)];
    if (!(await this.#wrote({ sql: this.#sql.delete, values }, options))) throw changedMeanwhile();
  }

  /**
   * @throws RangeError for a page size outside 1 to 10 000, for a continuation that is not of a listing with the
   *   same prefix, and for a prefix that does not have the first key parts.
   */
  async list(options?: ListDocumentsOptions): Promise<DocumentPage<Document>> {
    const own = readDocumentListing(this.#key, options);
    const { pageSize, continuation, prefix } = own;
    requireIntegerBetween('pageSize', pageSize, 1, MOST_PAGE_SIZE);
    if (continuation !== undefined) parsePageEnd(continuation, this.#key.length, prefix.text);
    // Every key with the prefix is after its text, and before the text with a character above `,` and `]`.
    const { text } = prefix;
    const values = [continuation ?? text, `${text}^`, pageSize + 1];
    const query = { sql: this.#sql.list, values };
    const rows = await this.#all(query, own);
    const page = rows.slice(0, pageSize);
    const items = page.map((row) => this.#itemOf(row));
    const last = rows.length > pageSize ? page.at(-1) : undefined;
    return prefix.mark({ items, ...(last && { continuation: String(last['document_key']) }) });
  }

  async count(options?: DocumentStoreOptions): Promise<number> {
    const query = { sql: this.#sql.count, values: [] };
    const [row] = await this.#all(query, readCallOptions(options));
    return Number(row?.['total']);
  }

  #keyOf(document: object): string {
    return documentKeyText(this.#key, document);
  }

  #all(query: Query, { signal }: DocumentStoreOptions): Promise<readonly SqliteRow[]> {
    return this.#connection.all(query, signal);
  }

  async #wrote(query: Query, options: DocumentStoreOptions | undefined): Promise<boolean> {
    return (await this.#connection.run(query, readCallOptions(options).signal)) > 0;
  }

  #itemOf({ document_key: key, etag, document }: SqliteRow): StoredDocumentItem<Document> {
    const value = parseStoredJson(document, this.#tableName, key);
    return { document: value as Document, etag: String(etag) };
  }
}

/** Returns the document as a reader would get it, not the caller's own object. */
function writtenItem<Document>(
  json: string,
  etag: string,
): { readonly document: Document; readonly etag: string } {
  return { document: JSON.parse(json) as Document, etag };
}

function changedMeanwhile(): StoreError {
  return new StoreError('ETAG_MISMATCH', 'The document was changed or removed by another writer');
}

/** Statements of one table; the key is the text of `documentKeyText`. */
class DocumentTable {
  readonly createTable: string;
  readonly create: string;
  readonly get: string;
  readonly replace: string;
  readonly delete: string;
  readonly list: string;
  readonly count: string;

  constructor(name: string) {
    const table = `"${name}"`;
    const read = `SELECT document_key, etag, document FROM ${table}`;
    this.createTable = `CREATE TABLE IF NOT EXISTS ${table} (
      document_key TEXT NOT NULL PRIMARY KEY, etag TEXT NOT NULL, document TEXT NOT NULL
    )`;
    this.create = `INSERT INTO ${table} (etag, document, document_key) VALUES (?, ?, ?)
      ON CONFLICT DO NOTHING`;
    this.get = `${read} WHERE document_key = ?`;
    this.replace = `UPDATE ${table} SET etag = ?, document = ?
      WHERE document_key = ? AND etag = ?`;
    this.delete = `DELETE FROM ${table} WHERE document_key = ? AND etag = ?`;
    this.list = `${read} WHERE document_key > ? AND document_key < ? ORDER BY document_key LIMIT ?`;
    this.count = `SELECT COUNT(*) AS total FROM ${table}`;
  }
}
