/** Common base of stores that keep rows and other items under one primary key. @module */
import type { DekRow } from '../format/dek-row.js';
import { scopeIdIn } from '../format/key-scope.js';
import type { DekStore, DekStoreItem, DekStoreOptions, StoredItem } from './dek-store.js';

export type KeyedItem = DekRow | DekStoreItem;

type Keyed = Pick<
  DekStore,
  'create' | 'createItem' | 'get' | 'getItem' | 'replace' | 'replaceItem'
>;

export abstract class KeyedDekStore implements Keyed {
  /** @internal */
  protected abstract createKeyed(item: KeyedItem, options?: DekStoreOptions): Promise<StoredItem>;

  /** @internal */
  protected abstract getKeyed(
    scopeId: string,
    id: string,
    options?: DekStoreOptions,
  ): Promise<StoredItem | undefined>;

  /** @internal */
  protected abstract replaceKeyed(
    item: KeyedItem,
    etag: string,
    options?: DekStoreOptions,
  ): Promise<StoredItem>;

  create(row: DekRow, options?: DekStoreOptions): Promise<StoredItem> {
    return this.createKeyed(row, options);
  }

  get(dekId: string, options?: DekStoreOptions): Promise<StoredItem | undefined> {
    return this.getKeyed(scopeIdIn(dekId), dekId, options);
  }

  replace(row: DekRow, etag: string, options?: DekStoreOptions): Promise<StoredItem> {
    return this.replaceKeyed(row, etag, options);
  }

  createItem(item: DekStoreItem, options?: DekStoreOptions): Promise<StoredItem> {
    return this.createKeyed(item, options);
  }

  getItem(scopeId: string, id: string, options?: DekStoreOptions): Promise<StoredItem | undefined> {
    return this.getKeyed(scopeId, id, options);
  }

  replaceItem(item: DekStoreItem, etag: string, options?: DekStoreOptions): Promise<StoredItem> {
    return this.replaceKeyed(item, etag, options);
  }
}
