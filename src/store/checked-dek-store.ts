/** A DEK store whose answers are looked at before anybody relies on them. @module */
import type { DekRow } from '../dek/dek-row.js';
import { brokenContract } from '../errors.js';
import type { Lease } from '../rotation/lease.js';
import type { RotationRecord } from '../rotation/rotation-record.js';
import type {
  DekRowFilter,
  DekRowPage,
  DekStore,
  DekStoreOptions,
  ListDekRowsOptions,
  StoredItem,
} from './dek-store.js';

const MOST_READ_LAG_MS = 3_600_000;

/** `null` for "absent", or an item without an etag, would be misread further on: both end here. */
export class CheckedDekStore implements Required<DekStore> {
  readonly #store: DekStore;

  constructor(store: DekStore) {
    this.#store = store;
  }

  async create(row: DekRow, options?: DekStoreOptions): Promise<StoredItem> {
    return item('S6', 'create', await this.#store.create(row, options));
  }

  async get(dekId: string, options?: DekStoreOptions): Promise<StoredItem | undefined> {
    return maybeItem('S2', 'get', await this.#store.get(dekId, options));
  }

  async getMany(
    dekIds: readonly string[],
    options?: DekStoreOptions,
  ): Promise<ReadonlyMap<string, StoredItem>> {
    const found: unknown = await this.#store.getMany(dekIds, options);
    if (!(found instanceof Map)) throw brokenStore('S3', 'getMany');
    for (const each of found.values()) item('S3', 'getMany', each);
    return found as ReadonlyMap<string, StoredItem>;
  }

  async listScope(scopeId: string, options?: DekStoreOptions): Promise<readonly StoredItem[]> {
    return items('S4', 'listScope', await this.#store.listScope(scopeId, options));
  }

  async replace(row: DekRow, etag: string, options?: DekStoreOptions): Promise<StoredItem> {
    return item('S6', 'replace', await this.#store.replace(row, etag, options));
  }

  async list(filter: DekRowFilter, options?: ListDekRowsOptions): Promise<DekRowPage> {
    const page = await this.#store.list(filter, options);
    items('S7', 'list', (page as Partial<DekRowPage> | null | undefined)?.items);
    return page;
  }

  async count(filter: DekRowFilter, options?: DekStoreOptions): Promise<number> {
    const count = await this.#store.count(filter, options);
    if (!Number.isSafeInteger(count) || count < 0) throw brokenStore('S8', 'count');
    return count;
  }

  async getRotation(product: string, options?: DekStoreOptions): Promise<StoredItem | undefined> {
    return maybeItem('S9', 'getRotation', await this.#store.getRotation(product, options));
  }

  async createRotation(record: RotationRecord, options?: DekStoreOptions): Promise<StoredItem> {
    return item('S9', 'createRotation', await this.#store.createRotation(record, options));
  }

  async replaceRotation(
    record: RotationRecord,
    etag: string,
    options?: DekStoreOptions,
  ): Promise<StoredItem> {
    const replaced = await this.#store.replaceRotation(record, etag, options);
    return item('S9', 'replaceRotation', replaced);
  }

  async getLease(
    product: string,
    collection: string,
    options?: DekStoreOptions,
  ): Promise<StoredItem | undefined> {
    return maybeItem('S9', 'getLease', await this.#store.getLease(product, collection, options));
  }

  async createLease(lease: Lease, options?: DekStoreOptions): Promise<StoredItem> {
    return item('S9', 'createLease', await this.#store.createLease(lease, options));
  }

  async replaceLease(lease: Lease, etag: string, options?: DekStoreOptions): Promise<StoredItem> {
    return item('S9', 'replaceLease', await this.#store.replaceLease(lease, etag, options));
  }

  async readLagMs(options?: DekStoreOptions): Promise<number> {
    if (this.#store.readLagMs === undefined) return 0;
    const lagMs: unknown = await this.#store.readLagMs(options);
    if (!isReadLag(lagMs)) throw brokenStore('S13', 'readLagMs');
    return lagMs;
  }
}

/** Every wait is made longer by it: what is no duration would end the wait at once, or never. */
export function isReadLag(answer: unknown): answer is number {
  return typeof answer === 'number' && answer >= 0 && answer <= MOST_READ_LAG_MS;
}

function maybeItem(rule: string, method: string, answer: unknown): StoredItem | undefined {
  return answer === undefined ? undefined : item(rule, method, answer);
}

function items(rule: string, method: string, answer: unknown): readonly StoredItem[] {
  if (!Array.isArray(answer)) throw brokenStore(rule, method);
  return answer.map((each) => item(rule, method, each));
}

function item(rule: string, method: string, answer: unknown): StoredItem {
  const etag = (answer as Partial<StoredItem> | null | undefined)?.etag;
  if (typeof etag === 'string' && etag !== '') return answer as StoredItem;
  throw brokenStore(rule, method);
}

function brokenStore(rule: string, method: string): Error {
  return brokenContract('DEK store', rule, `${method} answered with something else`);
}
