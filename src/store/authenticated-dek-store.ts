/** A DEK store that authenticates its rows and other items, except leases, with a key. @module */
import { dekIdIn, NO_DEK_ID, type DekRow } from '../format/dek-row.js';
import { FieldEncryptionError, isFieldEncryptionError, TamperedError } from '../errors/errors.js';
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
import type { RecordKey, RecordName, RecordSeal } from './record-seal.js';
import { hasNoMac, nameOfItem, type ItemKey } from '../format/item-shape.js';

/** All copies of the package that a process has loaded share this symbol. */
const BRAND = Symbol.for('@bytelyst/field-encrypt/authenticated-dek-store');

export type RecordKeyFacts = Omit<RecordKey, 'key'>;

/** Callers never see a mac: every write adds one, and every read checks and removes it. */
export class AuthenticatedDekStore implements DekStore {
  /** The id of the key that new macs are made with. */
  readonly recordKeyId: string;
  /** The configured keys without their secret part, the signing key first. */
  readonly recordKeys: readonly RecordKeyFacts[];
  /** Records without a mac are accepted. */
  readonly acceptsUnauthenticated: boolean;
  readonly #store: Required<DekStore>;
  readonly #seal: RecordSeal;
  /** Absent where the underlying store has none. */
  declare readonly readLagMs?: (options?: DekStoreOptions) => Promise<number>;

  /**
   * Recognises a store of another copy too: a second mac over the first would leave rows that neither copy
   * can read.
   */
  static [Symbol.hasInstance](value: unknown): boolean {
    return (value as Partial<Record<typeof BRAND, unknown>> | null)?.[BRAND] === true;
  }

  static {
    Object.defineProperty(this.prototype, BRAND, { value: true });
  }

  constructor(store: DekStore, seal: RecordSeal) {
    const checked = new CheckedDekStore(store);
    this.#store = checked;
    standsFor(this, store);
    this.#seal = seal;
    this.recordKeyId = seal.keys.current.id;
    this.recordKeys = seal.keys.all.map(({ id, asMekVersion, weakness }) => ({
      id,
      asMekVersion,
      weakness,
    }));
    this.acceptsUnauthenticated = seal.acceptsUnauthenticated;
    if (store.readLagMs) this.readLagMs = (options) => checked.readLagMs(options);
  }

  /** Returns another store, authenticated with the same keys. */
  over(store: DekStore): DekStore {
    return new AuthenticatedDekStore(store, this.#seal);
  }

  /** The underlying store: items with their macs, none of which is checked. */
  get unchecked(): DekStore {
    return this.#store;
  }

  /**
   * Returns a row of {@link AuthenticatedDekStore.unchecked} as `get` returns it.
   *
   * @throws What `get` throws.
   */
  opened(item: StoredItem, dekId: string): StoredItem {
    return this.#openRow(item, dekId);
  }

  async create(row: DekRow, options?: DekStoreOptions): Promise<StoredItem> {
    return this.#written(await this.#store.create(this.#seal.seal(row), options));
  }

  async get(dekId: string, options?: DekStoreOptions): Promise<StoredItem | undefined> {
    const item = await this.#store.get(dekId, options);
    return item && this.#openRow(item, dekId);
  }

  async getMany(
    dekIds: readonly string[],
    options?: DekStoreOptions,
  ): Promise<ReadonlyMap<string, StoredItem>> {
    const found = await this.#store.getMany(dekIds, options);
    return new Map(
      [...found].map(([dekId, item]) => [dekId, openAlone(item, () => this.#openRow(item, dekId))]),
    );
  }

  async listScope(scopeId: string, options?: DekStoreOptions): Promise<readonly StoredItem[]> {
    const items = await this.#store.listScope(scopeId, options);
    return items.map((item) => this.#openRow(item));
  }

  async replace(row: DekRow, etag: string, options?: DekStoreOptions): Promise<StoredItem> {
    return this.#written(await this.#store.replace(this.#seal.seal(row), etag, options));
  }

  async list(filter: DekRowFilter, options?: ListDekRowsOptions): Promise<DekRowPage> {
    const page = await this.#store.list(filter, options);
    return { ...page, items: page.items.map((item) => openAlone(item, () => this.#openRow(item))) };
  }

  count(filter: DekRowFilter, options?: DekStoreOptions): Promise<number> {
    return this.#store.count(filter, options);
  }

  async createItem(item: DekStoreItem, options?: DekStoreOptions): Promise<StoredItem> {
    if (hasNoMac(item)) return this.#store.createItem(item, options);
    if (item.type === 'rotation') this.requireStrongKey('cannot start a new product');
    return this.#written(await this.#store.createItem(this.#seal.seal(item), options));
  }

  /** @throws FieldEncryptionError `KEY_WEAK` where the signing key is not random. */
  requireStrongKey(refusal: string): void {
    const [{ id, weakness } = { id: '', weakness: undefined }] = this.recordKeys;
    if (weakness === undefined) return;
    throw new FieldEncryptionError(
      'KEY_WEAK',
      `The record key ${id} ${weakness}, and ${refusal}: make a random one with "openssl rand -base64 32"`,
    );
  }

  async getItem(
    scopeId: string,
    id: string,
    options?: DekStoreOptions,
  ): Promise<StoredItem | undefined> {
    const item = await this.#store.getItem(scopeId, id, options);
    return item && this.#openItem(item, { scopeId, id });
  }

  async replaceItem(
    item: DekStoreItem,
    etag: string,
    options?: DekStoreOptions,
  ): Promise<StoredItem> {
    if (hasNoMac(item)) return this.#store.replaceItem(item, etag, options);
    return this.#written(await this.#store.replaceItem(this.#seal.seal(item), etag, options));
  }

  deleteItem(scopeId: string, id: string, etag: string, options?: DekStoreOptions): Promise<void> {
    return this.#store.deleteItem(scopeId, id, etag, options);
  }

  async listItems(scopeId: string, options?: ListDekRowsOptions): Promise<DekRowPage> {
    const page = await this.#store.listItems(scopeId, options);
    const items = page.items.map((item) =>
      openAlone(item, () => this.#openItem(item, { scopeId, id: idIn(item.value) })),
    );
    return { ...page, items };
  }

  /** Without a check of the macs: the names are only for messages. */
  listProducts(options?: DekStoreOptions): Promise<readonly string[]> {
    return this.#store.listProducts(options);
  }

  #openRow(item: StoredItem, asked?: string): StoredItem {
    const dekId = asked ?? dekIdIn(item.value);
    const opened = this.#open(item, { item: `DEK row ${dekId ?? NO_DEK_ID}`, dekId });
    // Authentic, but not the requested row: the mac is for the row's own id.
    if (asked !== undefined && opened.authenticatedBy && dekIdIn(opened.value) !== asked) {
      throw elsewhere(asked);
    }
    return opened;
  }

  /** @param asked - Decides whether a mac is required: a stored item could claim that it needs none. */
  #openItem(item: StoredItem, asked: ItemKey): StoredItem {
    if (hasNoMac(asked)) return item;
    const name = nameOfItem(asked);
    const opened = this.#open(item, { item: name });
    // Authentic, but not the requested item: the mac is for the item's own place.
    if (opened.authenticatedBy && !isAt(opened.value as ItemKey, asked)) {
      throw itemFromElsewhere(name);
    }
    return opened;
  }

  #open(item: StoredItem, name: RecordName): StoredItem {
    return { ...item, ...this.#seal.open(item.value, name) };
  }

  /** Returns the item as the caller wrote it, without the mac. */
  #written(item: StoredItem): StoredItem {
    const value = { ...(item.value as Record<string, unknown>) };
    delete value['mac'];
    delete value['macKeyId'];
    return { ...item, value, authenticatedBy: this.recordKeyId };
  }
}

/** One item that is not authentic must not hide the others. */
function openAlone(item: StoredItem, open: () => StoredItem): StoredItem {
  if (item.error) return item;
  try {
    return open();
  } catch (error) {
    if (!isFieldEncryptionError(error)) throw error;
    return { value: undefined, etag: item.etag, error };
  }
}

function isAt({ scopeId, id }: ItemKey, asked: ItemKey): boolean {
  return scopeId === asked.scopeId && id === asked.id;
}

function idIn(value: unknown): string {
  const id = (value as { readonly id?: unknown } | null | undefined)?.id;
  return typeof id === 'string' ? id : '';
}

function itemFromElsewhere(item: string): TamperedError {
  return new TamperedError(`${item} was replaced by another item: restore it from a backup`);
}

function elsewhere(dekId: string): TamperedError {
  return new TamperedError(
    `DEK row ${dekId} was replaced by another row: restore it from a backup`,
    { dekId },
  );
}
