/** A DEK store whose answers are checked before they are used. @module */
import { tracingChannel } from 'node:diagnostics_channel';
import type { DekRow } from '../format/dek-row.js';
import {
  type CallMessage,
  type StoreMessage,
  traceCall,
  type CallSource,
} from '../diagnostics/traced-call.js';
import { diagnosticsChannels } from '../diagnostics/diagnostics-channels.js';
import { brokenContract } from '../errors/errors.js';
import { ownProperties } from '../guards/guards.js';
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
import { RunCharge } from './run-charge.js';

const MOST_READ_LAG_MS = 3_600_000;

const calls = tracingChannel<unknown, StoreMessage>(diagnosticsChannels.store);

/** `null` for "absent", or an item without an etag, would be misread later: both are refused here. */
export class CheckedDekStore implements Required<DekStore> {
  readonly #store: DekStore;
  readonly #source: CallSource | undefined;
  readonly #charge: RunCharge | undefined;

  /**
   * @param source - The source of the published calls; absent for a store inside another one that publishes.
   * @param charge - Adds up what all calls cost.
   */
  constructor(store: DekStore, source?: CallSource, charge?: RunCharge) {
    this.#store = store;
    standsFor(this, store);
    this.#source = source;
    this.#charge = charge;
  }

  create(row: DekRow, options?: DekStoreOptions): Promise<StoredItem> {
    return this.#call({ method: 'create', dekId: row.id }, options, async (own) =>
      storedItem('S6', 'create', await this.#store.create(row, own)),
    );
  }

  get(dekId: string, options?: DekStoreOptions): Promise<StoredItem | undefined> {
    return this.#call({ method: 'get', dekId }, options, async (own) =>
      maybeItem('S2', 'get', await this.#store.get(dekId, own)),
    );
  }

  getMany(
    dekIds: readonly string[],
    options?: DekStoreOptions,
  ): Promise<ReadonlyMap<string, StoredItem>> {
    return this.#call({ method: 'getMany' }, options, async (own) => {
      const found: unknown = await this.#store.getMany(dekIds, own);
      if (!(found instanceof Map)) throw brokenStore('S3', 'getMany');
      for (const each of found.values()) storedItem('S3', 'getMany', each);
      return found as ReadonlyMap<string, StoredItem>;
    });
  }

  listScope(scopeId: string, options?: DekStoreOptions): Promise<readonly StoredItem[]> {
    return this.#call({ method: 'listScope', scopeId }, options, async (own) =>
      items('S4', 'listScope', await this.#store.listScope(scopeId, own)),
    );
  }

  replace(row: DekRow, etag: string, options?: DekStoreOptions): Promise<StoredItem> {
    return this.#call({ method: 'replace', dekId: row.id }, options, async (own) =>
      storedItem('S6', 'replace', await this.#store.replace(row, etag, own)),
    );
  }

  list(filter: DekRowFilter, options?: ListDekRowsOptions): Promise<DekRowPage> {
    return this.#call({ method: 'list' }, options, async (own) => {
      const page = await this.#store.list(filter, own);
      items('S7', 'list', (page as Partial<DekRowPage> | null | undefined)?.items);
      return page;
    });
  }

  count(filter: DekRowFilter, options?: DekStoreOptions): Promise<number> {
    return this.#call({ method: 'count' }, options, async (own) => {
      const count = await this.#store.count(filter, own);
      if (!Number.isSafeInteger(count) || count < 0) throw brokenStore('S8', 'count');
      return count;
    });
  }

  createItem(item: DekStoreItem, options?: DekStoreOptions): Promise<StoredItem> {
    return this.#call(aboutItem('createItem', item), options, async (own) =>
      storedItem('S9', 'createItem', await this.#store.createItem(item, own)),
    );
  }

  getItem(scopeId: string, id: string, options?: DekStoreOptions): Promise<StoredItem | undefined> {
    return this.#call(aboutItem('getItem', { scopeId, id }), options, async (own) =>
      maybeItem('S9', 'getItem', await this.#store.getItem(scopeId, id, own)),
    );
  }

  replaceItem(item: DekStoreItem, etag: string, options?: DekStoreOptions): Promise<StoredItem> {
    return this.#call(aboutItem('replaceItem', item), options, async (own) =>
      storedItem('S9', 'replaceItem', await this.#store.replaceItem(item, etag, own)),
    );
  }

  deleteItem(scopeId: string, id: string, etag: string, options?: DekStoreOptions): Promise<void> {
    return this.#call(aboutItem('deleteItem', { scopeId, id }), options, (own) =>
      this.#store.deleteItem(scopeId, id, etag, own),
    );
  }

  listItems(scopeId: string, options?: ListDekRowsOptions): Promise<DekRowPage> {
    return this.#call({ method: 'listItems', scopeId }, options, async (own) => {
      const page = await this.#store.listItems(scopeId, own);
      items('S15', 'listItems', (page as Partial<DekRowPage> | null | undefined)?.items);
      return page;
    });
  }

  readLagMs(options?: DekStoreOptions): Promise<number> {
    return this.#call({ method: 'readLagMs' }, options, async (own) => {
      if (this.#store.readLagMs === undefined) return 0;
      const lagMs: unknown = await this.#store.readLagMs(own);
      if (!isReadLag(lagMs)) throw brokenStore('S13', 'readLagMs');
      return lagMs;
    });
  }

  listProducts(options?: DekStoreOptions): Promise<readonly string[]> {
    return this.#call({ method: 'listProducts' }, options, async (own) => {
      if (this.#store.listProducts === undefined) return [];
      const products: unknown = await this.#store.listProducts(own);
      if (!Array.isArray(products)) throw brokenStore('S16', 'listProducts');
      return products.map(String);
    });
  }

  #call<T, Options extends DekStoreOptions>(
    about: Omit<StoreMessage, keyof CallMessage>,
    options: Options | undefined,
    call: (options: Options | undefined) => Promise<T>,
  ): Promise<T> {
    const source = calls.hasSubscribers ? this.#source : undefined;
    const own = this.#charge ? chargedTo(this.#charge, options) : options;
    return source ? trace(source, about, own, call) : call(own);
  }
}

function trace<T, Options extends DekStoreOptions>(
  { product, clock }: CallSource,
  about: Omit<StoreMessage, keyof CallMessage>,
  options: Options | undefined,
  call: (options: Options | undefined) => Promise<T>,
): Promise<T> {
  const charge = new RunCharge();
  const metered = chargedTo(charge, options);
  return traceCall({
    channel: calls,
    message: { product, ...about },
    clock,
    signal: ownProperties<DekStoreOptions>(metered).signal,
    call: () => call(metered),
    known: () => charge.inSummary({}),
  });
}

/** The same options, whose listener adds to the charge too. */
function chargedTo<Options extends DekStoreOptions>(
  charge: RunCharge,
  options: Options | undefined,
): Options {
  const { onRequestCharge } = ownProperties<DekStoreOptions>(options ?? {});
  const listener = (units: number): void => {
    charge.add(units);
    onRequestCharge?.(units);
  };
  return { ...options, onRequestCharge: listener } as Options;
}

function aboutItem(
  method: StoreMessage['method'],
  { scopeId, id }: Pick<DekStoreItem, 'id' | 'scopeId'>,
): Omit<StoreMessage, keyof CallMessage> {
  return { method, scopeId, itemId: id };
}

/** Every wait is extended by this value: an invalid duration would end the wait at once, or never. */
export function isReadLag(answer: unknown): answer is number {
  return typeof answer === 'number' && answer >= 0 && answer <= MOST_READ_LAG_MS;
}

function maybeItem(rule: string, method: string, answer: unknown): StoredItem | undefined {
  return answer === undefined ? undefined : storedItem(rule, method, answer);
}

function items(rule: string, method: string, answer: unknown): readonly StoredItem[] {
  if (!Array.isArray(answer)) throw brokenStore(rule, method);
  return answer.map((each) => storedItem(rule, method, each));
}

function storedItem(rule: string, method: string, answer: unknown): StoredItem {
  const etag = (answer as Partial<StoredItem> | null | undefined)?.etag;
  if (typeof etag === 'string' && etag !== '') return answer as StoredItem;
  throw brokenStore(rule, method);
}

function brokenStore(rule: string, method: string): Error {
  return brokenContract('DEK store', rule, `${method} returned an unexpected value`);
}
