/** A DEK store that tells one listener what every request of it costs. @module */
import type { DekRow } from '../dek/dek-row.js';
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
import { standsFor } from './store-origin.js';

export class MeteredDekStore implements Required<DekStore> {
  readonly #store: Required<DekStore>;
  readonly #listener: (units: number) => void;

  constructor(store: Required<DekStore>, listener: (units: number) => void) {
    this.#store = store;
    standsFor(this, store);
    this.#listener = listener;
  }

  create(row: DekRow, options?: DekStoreOptions): Promise<StoredItem> {
    return this.#store.create(row, this.#metered(options));
  }

  get(dekId: string, options?: DekStoreOptions): Promise<StoredItem | undefined> {
    return this.#store.get(dekId, this.#metered(options));
  }

  getMany(
    dekIds: readonly string[],
    options?: DekStoreOptions,
  ): Promise<ReadonlyMap<string, StoredItem>> {
    return this.#store.getMany(dekIds, this.#metered(options));
  }

  listScope(scopeId: string, options?: DekStoreOptions): Promise<readonly StoredItem[]> {
    return this.#store.listScope(scopeId, this.#metered(options));
  }

  replace(row: DekRow, etag: string, options?: DekStoreOptions): Promise<StoredItem> {
    return this.#store.replace(row, etag, this.#metered(options));
  }

  list(filter: DekRowFilter, options?: ListDekRowsOptions): Promise<DekRowPage> {
    return this.#store.list(filter, this.#metered(options));
  }

  count(filter: DekRowFilter, options?: DekStoreOptions): Promise<number> {
    return this.#store.count(filter, this.#metered(options));
  }

  getRotation(product: string, options?: DekStoreOptions): Promise<StoredItem | undefined> {
    return this.#store.getRotation(product, this.#metered(options));
  }

  createRotation(record: RotationRecord, options?: DekStoreOptions): Promise<StoredItem> {
    return this.#store.createRotation(record, this.#metered(options));
  }

  replaceRotation(
    record: RotationRecord,
    etag: string,
    options?: DekStoreOptions,
  ): Promise<StoredItem> {
    return this.#store.replaceRotation(record, etag, this.#metered(options));
  }

  getLease(
    product: string,
    collection: string,
    options?: DekStoreOptions,
  ): Promise<StoredItem | undefined> {
    return this.#store.getLease(product, collection, this.#metered(options));
  }

  createLease(lease: Lease, options?: DekStoreOptions): Promise<StoredItem> {
    return this.#store.createLease(lease, this.#metered(options));
  }

  replaceLease(lease: Lease, etag: string, options?: DekStoreOptions): Promise<StoredItem> {
    return this.#store.replaceLease(lease, etag, this.#metered(options));
  }

  readLagMs(options?: DekStoreOptions): Promise<number> {
    return this.#store.readLagMs(this.#metered(options));
  }

  #metered(options?: ListDekRowsOptions): ListDekRowsOptions {
    const listener = this.#listener;
    const own = options?.onRequestCharge;
    if (!own) return { ...options, onRequestCharge: listener };
    return {
      ...options,
      onRequestCharge(units) {
        listener(units);
        own(units);
      },
    };
  }
}
