/** A DEK store that reports what each request costs, and the sum of it for a run. @module */
import type { CallSource } from '../diagnostics/traced-call.js';
import type { DekRow } from '../format/dek-row.js';
import { ownProperties } from '../guards/guards.js';
import { CheckedDekStore } from './checked-dek-store.js';
import {
  type DekRowFilter,
  type DekRowPage,
  type DekStore,
  type DekStoreItem,
  type DekStoreOptions,
  type ListDekRowsOptions,
  type StoredItem,
  standsFor,
} from './dek-store.js';

/** The DEK store of a run: its answers are checked, its calls published, its charge added up. */
export function meteredDekStore(
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

/** The charge that every event of a run may carry. */
export interface ChargedEvent {
  /**
   * Request units that the run spent since the previous event, on everything in flight: the charges of all
   * events add up to that of the summary. Absent where the store reported none.
   */
  readonly requestCharge?: number;
}

export class RunCharge {
  #total: number | undefined;
  #sinceEvent: number | undefined;

  readonly add = (units: number): void => {
    // A wrong report would falsify the sum, and must not fail the request that it belongs to.
    if (!Number.isFinite(units) || units < 0) return;
    this.#total = (this.#total ?? 0) + units;
    this.#sinceEvent = (this.#sinceEvent ?? 0) + units;
  };

  /** The charge of the run so far; `undefined` where the store reported none. */
  get total(): number | undefined {
    return this.#total;
  }

  /** @param publish - Called with each event and its charge, before it is yielded. */
  async *inEvents<Event extends ChargedEvent, Summary>(
    events: AsyncIterator<Event, Summary, void>,
    publish?: (event: Event) => void,
  ): AsyncGenerator<Event, Summary, void> {
    let step = await events.next();
    try {
      for (; !step.done; step = await events.next()) {
        const event = this.inEvent(step.value);
        publish?.(event);
        yield event;
      }
      return step.value;
    } finally {
      if (!step.done) await events.return?.();
    }
  }

  inEvent<Event extends ChargedEvent>(event: Event): Event {
    const requestCharge = this.#sinceEvent;
    if (requestCharge === undefined) return event;
    this.#sinceEvent = undefined;
    return { ...event, requestCharge };
  }

  inSummary<Summary extends ChargedEvent>(summary: Summary): Summary {
    const requestCharge = this.#total;
    return requestCharge === undefined ? summary : { ...summary, requestCharge };
  }
}
