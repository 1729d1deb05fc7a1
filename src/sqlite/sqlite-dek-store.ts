/** DEK rows in a SQLite file that any number of processes may share. @module */
import { systemClock, type Clock } from '../async/clock.js';
import { isDekId, scopeIdIn } from '../format/key-scope.js';
import { StoreError } from '../errors/errors.js';
import { readOptions, requireIntegerBetween } from '../guards/guards.js';
import {
  type DekRowFilter,
  type DekRowPage,
  type DekStore,
  type DekStoreOptions,
  type ListDekRowsOptions,
  type StoredItem,
  readCallOptions,
  readListOptions,
  readRowFilter,
  KeyedDekStore,
  MOST_PRODUCTS,
} from '../store/dek-store.js';
import { DekTable, type PageEnd, type TableItem } from './dek-table.js';
import {
  newEtag,
  parseStoredJson,
  parsePageEnd,
  columnText,
  requireTableName,
} from './stored-json.js';
import { SqliteConnection, type SqliteRow } from './sqlite-connection.js';
import type { Query, SqliteHandle } from './sqlite-handle.js';

export interface SqliteDekStoreOptions {
  /**
   * Created at the first call unless it exists; with a read-only handle it must exist. @default 'dek_store'
   */
  readonly table?: string;
  /** The source of time for waits for a lock. @default systemClock */
  readonly clock?: Clock;
}

const MOST_PAGE_SIZE = 10_000;
const IDS_AT_ONCE = 500;

/**
 * Keeps DEK rows, rotation records, leases and similar items in one table of a SQLite file.
 *
 * For one machine: SQLite's locks do not work across network file systems. Any number of processes may use
 * the file. Every acknowledged write is on disk (`synchronous=FULL`), and every compare-and-set is one
 * statement. While another connection holds the write lock, calls wait up to 5 s without blocking the event
 * loop. The handle may be shared: see {@link SqliteHandle}.
 *
 * The columns `scope_id`, `id`, `type`, `product`, `state` and `mek_version` are for your own queries; the
 * item itself is the JSON in `item`. After a finished rewrap this returns 0: `SELECT COUNT(*) FROM dek_store
 * WHERE mek_version <> '<NEW>'`.
 *
 * @throws {@link StoreError} from every method: `STORE_UNAVAILABLE` while the file stays locked - try again;
 *   `STORE_FAILED` for anything else that SQLite refuses - see the cause.
 *
 * @example
 * ```ts
 * import Database from 'libsql';
 * import { SqliteDekStore } from '@bytelyst/field-encrypt/sqlite';
 *
 * const dekStore = new SqliteDekStore(new Database(':memory:'));
 * console.log(await dekStore.count({ product: 'notelett' })); // 0
 * ```
 */
export class SqliteDekStore extends KeyedDekStore implements DekStore {
  readonly #connection: SqliteConnection;
  readonly #table: DekTable;
  readonly #tableName: string;

  /** @throws TypeError or RangeError where `table` is not a plain name. */
  constructor(handle: SqliteHandle, options: SqliteDekStoreOptions = {}) {
    super();
    const { table = 'dek_store', clock = systemClock } = readOptions(options, ['table', 'clock']);
    requireTableName(table);
    this.#tableName = table;
    this.#table = new DekTable(table);
    const { createTable } = this.#table;
    this.#connection = new SqliteConnection({ handle, table, createTable, clock });
  }

  async getMany(
    dekIds: readonly string[],
    options?: DekStoreOptions,
  ): Promise<ReadonlyMap<string, StoredItem>> {
    const own = readCallOptions(options);
    own.signal?.throwIfAborted();
    const found = new Map<string, StoredItem>();
    for (let from = 0; from < dekIds.length; from += IDS_AT_ONCE) {
      const ids = dekIds.slice(from, from + IDS_AT_ONCE);
      const keys = ids.map((id) => [scopeIdIn(id), id] as const);
      for (const row of await this.#all(this.#table.getMany(keys), own)) {
        found.set(String(row['id']), this.#itemOrError(row));
      }
    }
    return found;
  }

  async listScope(scopeId: string, options?: DekStoreOptions): Promise<readonly StoredItem[]> {
    const rows = await this.#all(this.#table.listScope(scopeId), readCallOptions(options));
    return rows.map((row) => this.#itemOf(row));
  }

  /**
   * @throws RangeError for a page size outside 1 to 10 000 and for a continuation that is not of a listing.
   */
  async list(filter: DekRowFilter, options?: ListDekRowsOptions): Promise<DekRowPage> {
    const own = readRowFilter(filter);
    return this.#page((limit, after) => this.#table.list(own, limit, after), options);
  }

  /**
   * @throws RangeError for a page size outside 1 to 10 000 and for a continuation that is not of a listing.
   */
  listItems(scopeId: string, options?: ListDekRowsOptions): Promise<DekRowPage> {
    return this.#page((limit, after) => this.#table.listItems(scopeId, limit, after), options);
  }

  async deleteItem(
    scopeId: string,
    id: string,
    etag: string,
    options?: DekStoreOptions,
  ): Promise<void> {
    if (await this.#wrote(this.#table.delete(scopeId, id, etag), options)) return;
    throw lostRace(id);
  }

  async #page(
    queryOf: (limit: number, after?: PageEnd) => Query,
    options: ListDekRowsOptions | undefined,
  ): Promise<DekRowPage> {
    const own = readListOptions(options);
    const { pageSize = 100, continuation } = own;
    requireIntegerBetween('pageSize', pageSize, 1, MOST_PAGE_SIZE);
    const after = continuation === undefined ? undefined : pageEndIn(continuation);
    const rows = await this.#all(queryOf(pageSize + 1, after), own);
    const page = rows.slice(0, pageSize);
    const items = page.map((row) => this.#itemOrError(row));
    const last = rows.length > pageSize ? page.at(-1) : undefined;
    return { items, ...(last && { continuation: JSON.stringify(pageEndOf(last)) }) };
  }

  async count(filter: DekRowFilter, options?: DekStoreOptions): Promise<number> {
    const query = this.#table.count(readRowFilter(filter));
    const [row] = await this.#all(query, readCallOptions(options));
    return Number(row?.['total']);
  }

  async listProducts(options?: DekStoreOptions): Promise<readonly string[]> {
    const rows = await this.#all(this.#table.listProducts(MOST_PRODUCTS), readCallOptions(options));
    return rows.map(({ product }) => String(product));
  }

  /** @internal */
  protected async createKeyed(item: TableItem, options?: DekStoreOptions): Promise<StoredItem> {
    const etag = newEtag();
    const json = JSON.stringify(item);
    if (await this.#wrote(this.#table.create(item, etag, json), options)) {
      return { value: JSON.parse(json) as unknown, etag };
    }
    throw new StoreError('ALREADY_EXISTS', `The item ${item.id} already exists`);
  }

  /** @internal */
  protected async replaceKeyed(
    item: TableItem,
    oldEtag: string,
    options?: DekStoreOptions,
  ): Promise<StoredItem> {
    const etag = newEtag();
    const json = JSON.stringify(item);
    if (await this.#wrote(this.#table.replace(item, oldEtag, etag, json), options)) {
      return { value: JSON.parse(json) as unknown, etag };
    }
    throw lostRace(item.id);
  }

  /** @internal */
  protected async getKeyed(
    scopeId: string,
    id: string,
    options?: DekStoreOptions,
  ): Promise<StoredItem | undefined> {
    const [row] = await this.#all(this.#table.get(scopeId, id), readCallOptions(options));
    return row && this.#itemOf(row);
  }

  #all(query: Query, { signal }: DekStoreOptions): Promise<readonly SqliteRow[]> {
    return this.#connection.all(query, signal);
  }

  async #wrote(query: Query, options: DekStoreOptions | undefined): Promise<boolean> {
    const { signal } = readCallOptions(options);
    return (await this.#connection.run(query, signal)) > 0;
  }

  /** One broken item must not prevent reading the other requested ones. */
  #itemOrError(row: SqliteRow): StoredItem {
    try {
      const item = this.#itemOf(row);
      if (isStoredUnder(row, item.value)) return item;
      throw otherItem(this.#tableName, row['id']);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      const { etag, item: text } = row;
      return { value: undefined, etag: String(etag), error, text: String(text) };
    }
  }

  #itemOf({ id, item, etag }: SqliteRow): StoredItem {
    const value = parseStoredJson(item, this.#tableName, id, { dekId: dekIdOrNone(id) });
    return { value, etag: String(etag) };
  }
}

function lostRace(id: string): StoreError {
  return new StoreError('ETAG_MISMATCH', `The item ${id} was changed or removed by another writer`);
}

function dekIdOrNone(id: unknown): string | undefined {
  return isDekId(id) ? id : undefined;
}

/** Whether an item's own id and scope match its place, so that a write to it goes to the same place. */
function isStoredUnder(row: SqliteRow, value: unknown): boolean {
  const { id, scopeId } = (value ?? {}) as Partial<Record<keyof TableItem, unknown>>;
  return (
    typeof id === 'string' &&
    typeof scopeId === 'string' &&
    columnText(id) === row['id'] &&
    columnText(scopeId) === row['scope_id']
  );
}

/** The content of another item was written over it, so its own content is lost. */
function otherItem(table: string, id: unknown): StoreError {
  return new StoreError(
    'STORE_FAILED',
    `The item ${String(id)} in the SQLite table "${table}" holds the JSON of another item: restore it from a backup`,
    { dekId: dekIdOrNone(id) },
  );
}

function pageEndIn(continuation: string): PageEnd {
  const [scopeId = '', id = ''] = parsePageEnd(continuation, 2);
  return [scopeId, id];
}

function pageEndOf({ scope_id: scopeId, id }: SqliteRow): PageEnd {
  return [String(scopeId), String(id)];
}
