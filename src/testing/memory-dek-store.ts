/** A DEK store in the memory of one process, for tests and first steps. @module */
import {
  readRotationItem,
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
  type KeyedItem,
  MOST_PRODUCTS,
} from '../store/dek-store.js';
import { scopeIdIn } from '../format/key-scope.js';
import { requireIntegerBetween } from '../guards/guards.js';
import { ROTATION_ID, type RotationRecord } from '../format/rotation-record.js';
import { isNoRow } from '../format/item-shape.js';
import { answerLater, MemoryItemTable, type TableEntry } from './memory-item-table.js';

const MOST_PAGE_SIZE = 10_000;

/**
 * Keeps DEK rows in memory, with real etags and copies. All data is lost when the process ends.
 *
 * @example
 * ```ts
 * import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';
 *
 * const dekStore = new MemoryDekStore();
 * console.log(await dekStore.count({ product: 'notelett' })); // 0
 * ```
 */
export class MemoryDekStore extends KeyedDekStore implements DekStore {
  readonly #table = new MemoryItemTable();

  async getMany(
    dekIds: readonly string[],
    options?: DekStoreOptions,
  ): Promise<ReadonlyMap<string, StoredItem>> {
    await answerLater(readCallOptions(options).signal);
    const found = dekIds.map((dekId) => [dekId, this.#read(scopeIdIn(dekId), dekId)] as const);
    return new Map(found.filter((pair): pair is [string, StoredItem] => pair[1] !== undefined));
  }

  async listScope(scopeId: string, options?: DekStoreOptions): Promise<readonly StoredItem[]> {
    await answerLater(readCallOptions(options).signal);
    return this.#rows()
      .filter(({ value }) => value.scopeId === scopeId)
      .map(toItem);
  }

  async list(filter: DekRowFilter, options?: ListDekRowsOptions): Promise<DekRowPage> {
    const own = readRowFilter(filter);
    return this.#page((entry) => !isNoRow(entry) && matches(entry, own), options);
  }

  async count(filter: DekRowFilter, options?: DekStoreOptions): Promise<number> {
    const own = readRowFilter(filter);
    await answerLater(readCallOptions(options).signal);
    return this.#rows().filter(({ value }) => matches(value, own)).length;
  }

  async listProducts(options?: DekStoreOptions): Promise<readonly string[]> {
    await answerLater(readCallOptions(options).signal);
    const records = (this.#table.entries() as RowEntry[]).filter(
      ({ value: { id, type } }) => id === ROTATION_ID && type === ROTATION_ID,
    );
    return records.slice(0, MOST_PRODUCTS).map(({ value }) => String(value.product));
  }

  listItems(scopeId: string, options?: ListDekRowsOptions): Promise<DekRowPage> {
    return this.#page((entry) => entry.scopeId === scopeId, options);
  }

  async deleteItem(
    scopeId: string,
    id: string,
    etag: string,
    options?: DekStoreOptions,
  ): Promise<void> {
    await answerLater(readCallOptions(options).signal);
    this.#table.delete(keyOf(scopeId, id), etag, `The item ${id}`);
  }

  /** A shorthand for tests: `getItem` of the rotation record. No other store has it. */
  getRotation(product: string): Promise<StoredItem | undefined> {
    return readRotationItem(this, product);
  }

  /** A shorthand for tests: `replaceItem` with a rotation record. No other store has it. */
  replaceRotation(record: RotationRecord, etag: string): Promise<StoredItem> {
    return this.replaceItem(record, etag);
  }

  /** @internal */
  protected async createKeyed(item: KeyedItem, options?: DekStoreOptions): Promise<StoredItem> {
    await answerLater(readCallOptions(options).signal);
    return toItem(this.#table.create(keyOf(item.scopeId, item.id), item, `The item ${item.id}`));
  }

  /** @internal */
  protected async getKeyed(
    scopeId: string,
    id: string,
    options?: DekStoreOptions,
  ): Promise<StoredItem | undefined> {
    await answerLater(readCallOptions(options).signal);
    return this.#read(scopeId, id);
  }

  /** @internal */
  protected async replaceKeyed(
    item: KeyedItem,
    etag: string,
    options?: DekStoreOptions,
  ): Promise<StoredItem> {
    await answerLater(readCallOptions(options).signal);
    const key = keyOf(item.scopeId, item.id);
    return toItem(this.#table.replace(key, item, etag, `The item ${item.id}`));
  }

  async #page(
    isAsked: (value: RowEntry['value']) => boolean,
    options: ListDekRowsOptions | undefined,
  ): Promise<DekRowPage> {
    const { pageSize = 100, continuation, signal } = readListOptions(options);
    requireIntegerBetween('pageSize', pageSize, 1, MOST_PAGE_SIZE);
    await answerLater(signal);
    const items: StoredItem[] = [];
    let last: string | undefined;
    for (const entry of this.#table.entries(continuation) as RowEntry[]) {
      if (!isAsked(entry.value)) continue;
      if (items.length === pageSize) return { items, ...(last && { continuation: last }) };
      items.push(toItem(entry));
      last = entry.key;
    }
    return { items };
  }

  #read(scopeId: string, id: string): StoredItem | undefined {
    const entry = this.#table.get(keyOf(scopeId, id));
    return entry && toItem(entry);
  }

  #rows(): RowEntry[] {
    return (this.#table.entries() as RowEntry[]).filter(({ value }) => !isNoRow(value));
  }
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
