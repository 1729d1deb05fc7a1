/** Rows, rotation records and leases as items under one primary key: what such stores share. @module */
import type { DekRow } from '../dek/dek-row.js';
import { scopeIdIn } from '../dek/key-scope.js';
import { leaseId, leaseScopeId, type Lease } from '../rotation/lease.js';
import { ROTATION_ID, rotationScopeId, type RotationRecord } from '../rotation/rotation-record.js';
import type { DekStore, DekStoreOptions, StoredItem } from './dek-store.js';

export type KeyedItem = DekRow | Lease | RotationRecord;

type Keyed = Omit<DekStore, 'count' | 'getMany' | 'list' | 'listScope'>;

export abstract class KeyedDekStore implements Keyed {
  /** @internal */
  protected abstract createItem(item: KeyedItem, options?: DekStoreOptions): Promise<StoredItem>;

  /** @internal */
  protected abstract getItem(
    scopeId: string,
    id: string,
    options?: DekStoreOptions,
  ): Promise<StoredItem | undefined>;

  /** @internal */
  protected abstract replaceItem(
    item: KeyedItem,
    etag: string,
    options?: DekStoreOptions,
  ): Promise<StoredItem>;

  create(row: DekRow, options?: DekStoreOptions): Promise<StoredItem> {
    return this.createItem(row, options);
  }

  get(dekId: string, options?: DekStoreOptions): Promise<StoredItem | undefined> {
    return this.getItem(scopeIdIn(dekId), dekId, options);
  }

  replace(row: DekRow, etag: string, options?: DekStoreOptions): Promise<StoredItem> {
    return this.replaceItem(row, etag, options);
  }

  getRotation(product: string, options?: DekStoreOptions): Promise<StoredItem | undefined> {
    return this.getItem(rotationScopeId(product), ROTATION_ID, options);
  }

  createRotation(record: RotationRecord, options?: DekStoreOptions): Promise<StoredItem> {
    return this.createItem(record, options);
  }

  replaceRotation(
    record: RotationRecord,
    etag: string,
    options?: DekStoreOptions,
  ): Promise<StoredItem> {
    return this.replaceItem(record, etag, options);
  }

  getLease(
    product: string,
    collection: string,
    options?: DekStoreOptions,
  ): Promise<StoredItem | undefined> {
    return this.getItem(leaseScopeId(product), leaseId(collection), options);
  }

  createLease(lease: Lease, options?: DekStoreOptions): Promise<StoredItem> {
    return this.createItem(lease, options);
  }

  replaceLease(lease: Lease, etag: string, options?: DekStoreOptions): Promise<StoredItem> {
    return this.replaceItem(lease, etag, options);
  }
}
