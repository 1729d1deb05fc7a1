/** A DEK store that authenticates every row and rotation record under a key of its own. @module */
import { dekIdIn, NO_DEK_ID, type DekRow } from '../dek/dek-row.js';
import { isFieldEncryptionError, TamperedError } from '../errors.js';
import type { Lease } from '../rotation/lease.js';
import type { RotationRecord } from '../rotation/rotation-record.js';
import { CheckedDekStore } from './checked-dek-store.js';
import type {
  DekRowFilter,
  DekRowPage,
  DekStore,
  DekStoreOptions,
  ListDekRowsOptions,
  StoredItem,
} from './dek-store.js';
import type { RecordName, RecordSeal } from './record-seal.js';
import { standsFor } from './store-origin.js';

/** All copies of the package that a process has loaded find the same symbol. */
const BRAND = Symbol.for('@bytelyst/field-encrypt/authenticated-dek-store');

/** Nobody outside sees a mac: they are put on with every write, and checked and taken off with every read. */
export class AuthenticatedDekStore implements DekStore {
  /** The id of the key that new macs are made with. */
  readonly recordKeyId: string;
  /** Records without a mac are accepted. */
  readonly acceptsUnauthenticated: boolean;
  readonly #store: Required<DekStore>;
  readonly #seal: RecordSeal;
  /** Absent where the store itself does not say. */
  declare readonly readLagMs?: (options?: DekStoreOptions) => Promise<number>;

  /** One of another copy counts: a second mac over the first would leave rows that neither copy reads. */
  static [Symbol.hasInstance](value: unknown): boolean {
    return (value as Partial<Record<typeof BRAND, unknown>> | null)?.[BRAND] === true;
  }

  get [BRAND](): true {
    return true;
  }

  constructor(store: DekStore, seal: RecordSeal) {
    const checked = new CheckedDekStore(store);
    this.#store = checked;
    standsFor(this, store);
    this.#seal = seal;
    this.recordKeyId = seal.keys.current.id;
    this.acceptsUnauthenticated = seal.acceptsUnauthenticated;
    if (store.readLagMs) this.readLagMs = (options) => checked.readLagMs(options);
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
    return new Map([...found].map(([dekId, item]) => [dekId, this.#openAlone(item, dekId)]));
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
    return { ...page, items: page.items.map((item) => this.#openAlone(item)) };
  }

  count(filter: DekRowFilter, options?: DekStoreOptions): Promise<number> {
    return this.#store.count(filter, options);
  }

  async getRotation(product: string, options?: DekStoreOptions): Promise<StoredItem | undefined> {
    const item = await this.#store.getRotation(product, options);
    return item && this.#open(item, { item: `The rotation record of "${product}"` });
  }

  async createRotation(record: RotationRecord, options?: DekStoreOptions): Promise<StoredItem> {
    return this.#written(await this.#store.createRotation(this.#seal.seal(record), options));
  }

  async replaceRotation(
    record: RotationRecord,
    etag: string,
    options?: DekStoreOptions,
  ): Promise<StoredItem> {
    const sealed = this.#seal.seal(record);
    return this.#written(await this.#store.replaceRotation(sealed, etag, options));
  }

  getLease(
    product: string,
    collection: string,
    options?: DekStoreOptions,
  ): Promise<StoredItem | undefined> {
    return this.#store.getLease(product, collection, options);
  }

  createLease(lease: Lease, options?: DekStoreOptions): Promise<StoredItem> {
    return this.#store.createLease(lease, options);
  }

  replaceLease(lease: Lease, etag: string, options?: DekStoreOptions): Promise<StoredItem> {
    return this.#store.replaceLease(lease, etag, options);
  }

  /** One row that is not authentic must not hide the others. */
  #openAlone(item: StoredItem, asked?: string): StoredItem {
    if (item.error) return item;
    try {
      return this.#openRow(item, asked);
    } catch (error) {
      if (!isFieldEncryptionError(error)) throw error;
      return { value: undefined, etag: item.etag, error };
    }
  }

  #openRow(item: StoredItem, asked?: string): StoredItem {
    const dekId = asked ?? dekIdIn(item.value);
    const opened = this.#open(item, { item: `DEK row ${dekId ?? NO_DEK_ID}`, dekId });
    // Authentic, but not what was asked for: the mac is that of the row's own id.
    if (asked !== undefined && opened.authenticatedBy && dekIdIn(opened.value) !== asked) {
      throw elsewhere(asked);
    }
    return opened;
  }

  #open(item: StoredItem, name: RecordName): StoredItem {
    return { ...item, ...this.#seal.open(item.value, name) };
  }

  /** As it was just written, without what was added on the way. */
  #written(item: StoredItem): StoredItem {
    const value = { ...(item.value as Record<string, unknown>) };
    delete value['mac'];
    delete value['macKeyId'];
    return { ...item, value, authenticatedBy: this.recordKeyId };
  }
}

function elsewhere(dekId: string): TamperedError {
  return new TamperedError(
    `DEK row ${dekId} is another row, put in its place: restore it from a backup`,
    { dekId },
  );
}
