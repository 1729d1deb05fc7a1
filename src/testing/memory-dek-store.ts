/** A DEK store in the memory of one process, for tests and first steps. @module */
import type { DekRow } from '../dek/dek-row.js';
import { scopeIdIn } from '../dek/key-scope.js';
import { requireIntegerBetween } from '../guards.js';
import { leaseId, leaseScopeId, type Lease } from '../rotation/lease.js';
import { ROTATION_ID, rotationScopeId, type RotationRecord } from '../rotation/rotation-record.js';
import type {
  DekRowFilter,
  DekRowPage,
  DekStore,
  DekStoreOptions,
  ListDekRowsOptions,
  StoredItem,
} from '../store/dek-store.js';
import { answerLater, MemoryItemTable, type TableEntry } from './memory-item-table.js';

const MOST_PAGE_SIZE = 10_000;

/**
 * Keeps DEK rows in memory, with real etags and copies. Everything is lost with the process.
 *
 * @example
 * ```ts
 * import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';
 *
 * const dekStore = new MemoryDekStore();
 * console.log(await dekStore.count({ product: 'notelett' })); // 0
 * ```
 */
export class MemoryDekStore implements DekStore {
  readonly #table = new MemoryItemTable();

  create(row: DekRow, options?: DekStoreOptions): Promise<StoredItem> {
    return this.#create(row, options);
  }

  get(dekId: string, options?: DekStoreOptions): Promise<StoredItem | undefined> {
    return this.#get(scopeIdIn(dekId), dekId, options);
  }

  async getMany(
    dekIds: readonly string[],
    options?: DekStoreOptions,
  ): Promise<ReadonlyMap<string, StoredItem>> {
    await answerLater(options?.signal);
    const found = dekIds.map((dekId) => [dekId, this.#read(scopeIdIn(dekId), dekId)] as const);
    return new Map(found.filter((pair): pair is [string, StoredItem] => pair[1] !== undefined));
  }

  async listScope(scopeId: string, options?: DekStoreOptions): Promise<readonly StoredItem[]> {
    await answerLater(options?.signal);
    return this.#rows()
      .filter(({ value }) => value.scopeId === scopeId)
      .map(toItem);
  }

  replace(row: DekRow, etag: string, options?: DekStoreOptions): Promise<StoredItem> {
    return this.#replace(row, etag, options);
  }

  async list(filter: DekRowFilter, options: ListDekRowsOptions = {}): Promise<DekRowPage> {
    const { pageSize = 100, continuation, signal } = options;
    requireIntegerBetween('pageSize', pageSize, 1, MOST_PAGE_SIZE);
    await answerLater(signal);
    const items: StoredItem[] = [];
    let last: string | undefined;
    for (const entry of this.#rows(continuation)) {
      if (!matches(entry.value, filter)) continue;
      if (items.length === pageSize) return { items, ...(last && { continuation: last }) };
      items.push(toItem(entry));
      last = entry.key;
    }
    return { items };
  }

  async count(filter: DekRowFilter, options?: DekStoreOptions): Promise<number> {
    await answerLater(options?.signal);
    return this.#rows().filter(({ value }) => matches(value, filter)).length;
  }

  getRotation(product: string, options?: DekStoreOptions): Promise<StoredItem | undefined> {
    return this.#get(rotationScopeId(product), ROTATION_ID, options);
  }

  createRotation(record: RotationRecord, options?: DekStoreOptions): Promise<StoredItem> {
    return this.#create(record, options);
  }

  replaceRotation(
    record: RotationRecord,
    etag: string,
    options?: DekStoreOptions,
  ): Promise<StoredItem> {
    return this.#replace(record, etag, options);
  }

  getLease(
    product: string,
    collection: string,
    options?: DekStoreOptions,
  ): Promise<StoredItem | undefined> {
    return this.#get(leaseScopeId(product), leaseId(collection), options);
  }

  createLease(lease: Lease, options?: DekStoreOptions): Promise<StoredItem> {
    return this.#create(lease, options);
  }

  replaceLease(lease: Lease, etag: string, options?: DekStoreOptions): Promise<StoredItem> {
    return this.#replace(lease, etag, options);
  }

  async #create(item: Keyed, options: DekStoreOptions | undefined): Promise<StoredItem> {
    await answerLater(options?.signal);
    return toItem(this.#table.create(keyOf(item.scopeId, item.id), item, `The item ${item.id}`));
  }

  async #get(
    scopeId: string,
    id: string,
    options: DekStoreOptions | undefined,
  ): Promise<StoredItem | undefined> {
    await answerLater(options?.signal);
    return this.#read(scopeId, id);
  }

  async #replace(
    item: Keyed,
    etag: string,
    options: DekStoreOptions | undefined,
  ): Promise<StoredItem> {
    await answerLater(options?.signal);
    const key = keyOf(item.scopeId, item.id);
    return toItem(this.#table.replace(key, item, etag, `The item ${item.id}`));
  }

  #read(scopeId: string, id: string): StoredItem | undefined {
    const entry = this.#table.get(keyOf(scopeId, id));
    return entry && toItem(entry);
  }

  #rows(after?: string): RowEntry[] {
    const entries = this.#table.entries(after) as RowEntry[];
    return entries.filter(({ value: { type } }) => type !== 'rotation' && type !== 'lease');
  }
}

interface Keyed {
  readonly id: string;
  readonly scopeId: string;
}

interface RowEntry extends TableEntry {
  readonly value: Readonly<Record<'id' | 'mekVersion' | 'product' | 'scopeId' | 'type', unknown>>;
}

function keyOf(scopeId: string, id: string): string {
  return JSON.stringify([scopeId, id]);
}

function toItem({ value, etag }: TableEntry): StoredItem {
  return { value, etag };
}

function matches(row: RowEntry['value'], filter: DekRowFilter): boolean {
  const { product, mekVersion, idFrom, idBefore } = filter;
  const id = String(row.id);
  return (
    row.product === product &&
    (mekVersion === undefined || row.mekVersion === mekVersion) &&
    (idFrom === undefined || id >= idFrom) &&
    (idBefore === undefined || id < idBefore)
  );
}
