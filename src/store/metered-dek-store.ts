/** A DEK store that tells one listener what every request of it costs. @module */
import { ownProperties } from '../guards/guards.js';
import type { DekRow } from '../format/dek-row.js';
import type { CallSource } from '../diagnostics/traced-call.js';
import { CheckedDekStore } from './checked-dek-store.js';
import type {
  DekRowFilter,
  DekRowPage,
  DekStore,
  DekStoreItem,
  DekStoreOptions,
  ListDekRowsOptions,
  StoredItem,
} from './dek-store.js';
import type { RunCharge } from './run-charge.js';
import { standsFor } from './store-origin.js';

/** The DEK store of a run: its answers are checked, its calls published, and its cost added up. */
export function chargedDekStore(
  dekStore: DekStore,
  source: CallSource,
  charge: RunCharge,
): Required<DekStore> {
  return new MeteredDekStore(new CheckedDekStore(dekStore, source), charge.add);
}

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

  createItem(item: DekStoreItem, options?: DekStoreOptions): Promise<StoredItem> {
    return this.#store.createItem(item, this.#metered(options));
  }

  getItem(scopeId: string, id: string, options?: DekStoreOptions): Promise<StoredItem | undefined> {
    return this.#store.getItem(scopeId, id, this.#metered(options));
  }

  replaceItem(item: DekStoreItem, etag: string, options?: DekStoreOptions): Promise<StoredItem> {
    return this.#store.replaceItem(item, etag, this.#metered(options));
  }

  deleteItem(scopeId: string, id: string, etag: string, options?: DekStoreOptions): Promise<void> {
    return this.#store.deleteItem(scopeId, id, etag, this.#metered(options));
  }

  listItems(scopeId: string, options?: ListDekRowsOptions): Promise<DekRowPage> {
    return this.#store.listItems(scopeId, this.#metered(options));
  }

  readLagMs(options?: DekStoreOptions): Promise<number> {
    return this.#store.readLagMs(this.#metered(options));
  }

  #metered(options: ListDekRowsOptions = {}): ListDekRowsOptions {
    const listener = this.#listener;
    const { onRequestCharge: own } = ownProperties(options);
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
