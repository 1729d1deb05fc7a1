/** DEK rows in a container of Azure Cosmos DB. @module */
import type { Container, SqlQuerySpec } from '@azure/cosmos';
import { mapConcurrently } from '../../async/concurrency.js';
import { NO_ROW_MARK, NO_ROW_TYPES } from '../../format/item-shape.js';
import { scopeIdIn } from '../../format/key-scope.js';
import { ROTATION_ID } from '../../format/rotation-record.js';
import { readOptions, requireIntegerBetween } from '../../guards/guards.js';
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
  type KeyedItem,
} from '../../store/dek-store.js';
import { CheckedContainer } from './checked-container.js';
import { COSMOS_STORE_OPTIONS, type CosmosStoreOptions } from './cosmos-connection.js';
import { CosmosItems, type ItemPlace } from './cosmos-items.js';
import { CosmosQueries } from './cosmos-queries.js';
import { DEK_CONTAINER_REMEDY, requireDekContainer } from './dek-container.js';
import {
  contentOf,
  type CosmosItem,
  type ItemContent,
  fromItemId,
  toItemId,
} from './item-content.js';

export interface CosmosDekStoreOptions extends CosmosStoreOptions {
  /**
   * For how many milliseconds a read may miss a write that was acknowledged to another process, from 0 to 3
   * 600 000. Used unless the account's default consistency is `Strong`, under which no write is missed. For
   * `BoundedStaleness` pass the account's interval, unless all clients read in the write region. @default
   * 5000
   */
  readonly readLagMs?: number | undefined;
}

/** A point read costs 1 request unit; a query costs 3 or more, and a second request for its plan. */
const MOST_POINT_READS = 4;
const IDS_AT_ONCE = 100;
const QUERIES_AT_ONCE = 4;

/**
 * Keeps DEK rows, rotation records, leases and similar items in one container of Azure Cosmos DB.
 *
 * Create the container with {@link ensureDekContainer}; its partition key is `/scopeId`. The identity of your
 * `CosmosClient` needs the role "Cosmos DB Built-in Data Contributor" on it, and nothing more.
 *
 * - Rows are written by etag and never upserted. When the answer to a write is lost (a reset, a timeout, 408,
 *   449, 5xx), the item is read again and compared. The call succeeds if the item was written, sends the
 *   write again if it was not, and is rejected if another writer came first.
 * - Reads request the account's own default consistency, whatever the client was set to, and see what this
 *   client wrote. Writes of other processes may be missing for a while unless the account is set to `Strong`:
 *   {@link CosmosDekStore.readLagMs} returns the bound, and rotations extend their waits by it.
 * - The first call reads the account and the container's definition once. It refuses accounts with
 *   multi-region writes, under which two replaces with one etag can both succeed, and containers with another
 *   partition key or with a time to live.
 * - `getMany` of more than four ids is one query per hundred.
 * - `onRequestCharge` is called with the request units of each answer, refusals included. The SDK does not
 *   report the cost of its own retries and query plans.
 *
 * After a finished rewrap this returns 0: `SELECT VALUE COUNT(1) FROM c WHERE c.mekVersion != "<NEW>"`.
 *
 * @throws {@link StoreError} from every method: `STORE_UNAVAILABLE` while Cosmos DB cannot be reached or
 *   throttles - try again; `STORE_FAILED` for anything else - do what the message says.
 *
 * @example
 * ```ts
 * import { CosmosClient } from '@azure/cosmos';
 * import { DefaultAzureCredential } from '@azure/identity';
 * import { CosmosDekStore } from '@bytelyst/field-encrypt/azure/cosmos';
 *
 * const client = new CosmosClient({
 *   endpoint: 'https://notelett.documents.azure.com',
 *   aadCredentials: new DefaultAzureCredential(),
 * });
 * const container = client.database('notelett').container('dek_store');
 * const dekStore = new CosmosDekStore(container, {
 *   onRequest: ({ operation, status, requestCharge }) => {
 *     console.log(operation, status, requestCharge); // "read" 200 1
 *   },
 * });
 *
 * export const row = (dekId: string) => dekStore.get(dekId);
 * ```
 */
export class CosmosDekStore extends KeyedDekStore implements DekStore {
  readonly #container: CheckedContainer;
  readonly #items: CosmosItems;
  readonly #queries: CosmosQueries;
  readonly #readLagMs: number;

  /** @throws TypeError or RangeError where a duration is not an integer in its range. */
  constructor(container: Container, options: CosmosDekStoreOptions = {}) {
    super();
    const own = readOptions(options, [...COSMOS_STORE_OPTIONS, 'readLagMs']);
    const { readLagMs = 5_000 } = own;
    requireIntegerBetween('readLagMs', readLagMs, 0, 3_600_000);
    this.#readLagMs = readLagMs;
    const [rule, remedy] = [requireDekContainer, DEK_CONTAINER_REMEDY];
    this.#container = new CheckedContainer(container, own, rule, remedy);
    this.#items = new CosmosItems(this.#container);
    this.#queries = new CosmosQueries(this.#container);
  }

  async getMany(
    dekIds: readonly string[],
    options?: DekStoreOptions,
  ): Promise<ReadonlyMap<string, StoredItem>> {
    const own = readCallOptions(options);
    own.signal?.throwIfAborted();
    const ids = [...new Set(dekIds)];
    const found =
      ids.length <= MOST_POINT_READS
        ? await Promise.all(ids.map((id) => this.get(id, own)))
        : await this.#queryMany(ids, own);
    const items = found.filter((item) => item !== undefined);
    return new Map(items.map((item) => [idOf(item), item]));
  }

  async listScope(scopeId: string, options?: DekStoreOptions): Promise<readonly StoredItem[]> {
    const own = readCallOptions(options);
    return (await this.#queries.all(scopeQuery(scopeId), own, scopeId)).map(toStoredItem);
  }

  /**
   * @throws RangeError for a page size outside 1 to 10 000 and for a continuation that is not of a listing.
   */
  async list(filter: DekRowFilter, options?: ListDekRowsOptions): Promise<DekRowPage> {
    return this.#page(where('SELECT * FROM c', readRowFilter(filter)), options);
  }

  /**
   * @throws RangeError for a page size outside 1 to 10 000 and for a continuation that is not of a listing.
   */
  listItems(scopeId: string, options?: ListDekRowsOptions): Promise<DekRowPage> {
    return this.#page(scopeQuery(scopeId), options, scopeId);
  }

  async deleteItem(
    scopeId: string,
    id: string,
    etag: string,
    options?: DekStoreOptions,
  ): Promise<void> {
    await this.#items.delete(placeOf({ scopeId, id }), etag, readCallOptions(options));
  }

  async count(filter: DekRowFilter, options?: DekStoreOptions): Promise<number> {
    const query = where('SELECT VALUE COUNT(1) FROM c', readRowFilter(filter));
    return this.#queries.count(query, readCallOptions(options));
  }

  async listProducts(options?: DekStoreOptions): Promise<readonly string[]> {
    const parameters = [{ name: '@rotation', value: ROTATION_ID }];
    const query = 'SELECT * FROM c WHERE c.id = @rotation AND c.type = @rotation';
    const own = { ...readCallOptions(options), pageSize: MOST_PRODUCTS };
    const { items } = await this.#page({ query, parameters }, own);
    return items.map(({ value }) => String((value as { readonly product?: unknown }).product));
  }

  /** 0 where the account's default consistency is `Strong`, else the option of the same name. */
  async readLagMs(options?: DekStoreOptions): Promise<number> {
    const consistency: string = await this.#container.passed(readCallOptions(options));
    return consistency === 'Strong' ? 0 : this.#readLagMs;
  }

  /** @internal */
  protected async createKeyed(item: KeyedItem, options?: DekStoreOptions): Promise<StoredItem> {
    const own = readCallOptions(options);
    return toStoredItem(await this.#items.create(placeOf(item), rowContent(item), own));
  }

  /** @internal */
  protected async replaceKeyed(
    item: KeyedItem,
    oldEtag: string,
    options?: DekStoreOptions,
  ): Promise<StoredItem> {
    const [place, row] = [placeOf(item), rowContent(item)];
    const own = readCallOptions(options);
    return toStoredItem(await this.#items.replace(place, row, oldEtag, own));
  }

  /** @internal */
  protected async getKeyed(
    scopeId: string,
    id: string,
    options?: DekStoreOptions,
  ): Promise<StoredItem | undefined> {
    const item = await this.#items.read(placeOf({ scopeId, id }), readCallOptions(options));
    return item && toStoredItem(item);
  }

  async #page(
    query: SqlQuerySpec,
    options: ListDekRowsOptions | undefined,
    scopeId?: string,
  ): Promise<DekRowPage> {
    const { items, ...rest } = await this.#queries.page(query, readListOptions(options), scopeId);
    return { items: items.map(toStoredItem), ...rest };
  }

  async #queryMany(
    ids: readonly string[],
    options: DekStoreOptions,
  ): Promise<readonly StoredItem[]> {
    const chunks: (readonly string[])[] = [];
    for (let from = 0; from < ids.length; from += IDS_AT_ONCE) {
      chunks.push(ids.slice(from, from + IDS_AT_ONCE));
    }
    const query = (chunk: readonly string[]) => this.#queries.all(idsQuery(chunk), options);
    const { signal } = options;
    const pages = await mapConcurrently(chunks, query, { concurrency: QUERIES_AT_ONCE, signal });
    // An item in another partition is another item, even with the same id.
    return pages.flat().map(toStoredItem).filter(isWhereItsIdSays);
  }
}

function placeOf({ scopeId, id }: Pick<KeyedItem, 'id' | 'scopeId'>): ItemPlace {
  return { id: toItemId(id), partitionKey: scopeId, name: `The item ${id}` };
}

function rowContent(item: KeyedItem): ItemContent {
  return { ...contentOf(item), id: toItemId(item.id) };
}

function toStoredItem({ content, etag }: CosmosItem): StoredItem {
  return { value: { ...content, _etag: etag, id: fromItemId(String(content['id'])) }, etag };
}

function idOf({ value }: StoredItem): string {
  return String((value as ItemContent)['id']);
}

function isWhereItsIdSays(item: StoredItem): boolean {
  return (item.value as ItemContent)['scopeId'] === scopeIdIn(idOf(item));
}

const TYPES = NO_ROW_TYPES.map((type) => `"${type}"`).join(', ');
/**
 * Items of an unknown type, or of none, are rows that a scan must not skip. So are rows whose type was
 * edited: their scope shows that they are rows.
 */
const ROWS = `(NOT IS_STRING(c.type) OR NOT (c.type IN (${TYPES}) AND CONTAINS(c.scopeId, "${NO_ROW_MARK}")))`;

/** The partition key is also in the query text: in the options alone it would be an invisible filter. */
function scopeQuery(scopeId: string): SqlQuerySpec {
  return {
    query: 'SELECT * FROM c WHERE c.scopeId = @scopeId',
    parameters: [{ name: '@scopeId', value: scopeId }],
  };
}

function idsQuery(ids: readonly string[]): SqlQuerySpec {
  const scopeIds = [...new Set(ids.map(scopeIdIn))];
  const scopes = scopeIds.map((value, at) => ({ name: `@scopeId${String(at)}`, value }));
  const names = ids.map((value, at) => ({ name: `@id${String(at)}`, value }));
  return {
    query: `SELECT * FROM c WHERE c.scopeId IN (${namesOf(scopes)}) AND c.id IN (${namesOf(names)})`,
    parameters: [...scopes, ...names],
  };
}

const CONDITIONS: Readonly<Record<keyof DekRowFilter, string>> = {
  product: 'c.product = @product',
  mekVersion: 'c.mekVersion = @mekVersion',
  idFrom: 'c.id >= @idFrom',
  idBefore: 'c.id < @idBefore',
};

function where(select: string, filter: DekRowFilter): SqlQuerySpec {
  const names = Object.keys(CONDITIONS) as (keyof DekRowFilter)[];
  const asked = names.filter((name) => filter[name] !== undefined);
  return {
    query: `${select} WHERE ${[...asked.map((name) => CONDITIONS[name]), ROWS].join(' AND ')}`,
    parameters: asked.map((name) => ({ name: `@${name}`, value: filter[name] ?? '' })),
  };
}

function namesOf(parameters: readonly { readonly name: string }[]): string {
  return parameters.map(({ name }) => name).join(', ');
}
