/** The contract between the library and a store of DEK rows, and reads that every caller makes the same way. @module */
import type { FieldEncryptionError } from '../errors/errors.js';
import { definitionId, definitionScopeId } from '../format/definition-record.js';
import type { DekRow } from '../format/dek-row.js';
import { scopeIdIn } from '../format/key-scope.js';
import { leaseId, leaseScopeId } from '../format/lease.js';
import { reencryptionId } from '../format/reencryption-record.js';
import { ROTATION_ID, rotationScopeId } from '../format/rotation-record.js';
import { readOptions } from '../guards/guards.js';

export interface DekStoreOptions {
  /** Stops the call within one attempt; it rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Called once for each request that the store is billed for, with its request units. Stores without a price
   * never call it.
   */
  readonly onRequestCharge?: ((units: number) => void) | undefined;
}

/**
 * An item as a store read it.
 *
 * The value is `unknown` on purpose: stored data may have been altered, or written by a later version. The
 * library checks every property before it uses one.
 */
export interface StoredItem {
  readonly value: unknown;
  /** Changes with every write of the item, and is never reused for it. */
  readonly etag: string;
  /**
   * Only from `list`, `getMany` and `listItems`: why the value cannot be decoded, with the dekId where it is
   * known. The value is then `undefined`: one broken item must not hide the others.
   */
  readonly error?: FieldEncryptionError;
  /** Only together with `error`: the stored text, as evidence, where the store keeps items as text. */
  readonly text?: string;
  /**
   * Only from a store that authenticates records: the id of the record key whose mac the value had. The mac
   * was removed from the value. Absent where the value had none and `insecureAcceptUnauthenticatedRecords`
   * allowed it.
   */
  readonly authenticatedBy?: string;
}

/**
 * An item other than a DEK row: the rotation record, a lease, and types that later versions add. Its other
 * properties depend on its type, as JSON.
 */
export interface DekStoreItem {
  readonly id: string;
  /** The type's own prefix, `":"` and the product: a row never has such a scopeId. */
  readonly scopeId: string;
  readonly type: string;
  readonly product: string;
}

/** Which rows to list or count. */
export interface DekRowFilter {
  readonly product: string;
  /** Only rows whose primary wrap names this version. */
  readonly mekVersion?: string | undefined;
  /** Only ids from this one on, itself included. */
  readonly idFrom?: string | undefined;
  /** Only ids before this one. */
  readonly idBefore?: string | undefined;
}

export interface ListDekRowsOptions extends DekStoreOptions {
  /** Most rows or items in a page. @default 100 */
  readonly pageSize?: number;
  /** From the previous page; absent for the first. */
  readonly continuation?: string | undefined;
}

export interface DekRowPage {
  readonly items: readonly StoredItem[];
  /** Absent on the last page. A page may be empty and still have one. */
  readonly continuation?: string;
}

/**
 * Keeps DEK rows, and other items, all under the primary key (`scopeId`, `id`).
 *
 * Most users use `SqliteDekStore` or an adapter. Implement this for another database, and run
 * `dekStoreContract` from `@bytelyst/field-encrypt/testing` against it. Implementations must:
 *
 * - **S1** `create`: write the row if its id is free, else reject with `ALREADY_EXISTS` and write nothing. Of
 *   concurrent creates of one id exactly one succeeds.
 * - **S2** `get`: return the newest row, or `undefined` only when it is truly absent. A failed read rejects:
 *   if it counted as "absent", a second key would be created.
 * - **S3** `getMany`: return the rows that exist by id, and leave out the others.
 * - **S4** `listScope`: return every row of the scope in any state, tombstones included, and none of another
 *   scope.
 * - **S5** `replace`: write only if the stored etag equals the given one, else reject with `ETAG_MISMATCH`
 *   and write nothing; also when the row does not exist. Of concurrent replaces with one etag exactly one
 *   succeeds. Never insert.
 * - **S6** return from each write the etag that the next read returns; each write has a new one, also when
 *   the content is the same.
 * - **S7** `list`: return each row that exists throughout the listing once, in pages no larger than
 *   requested, resumable from any continuation. `list` and `count` skip an item whose `type` is `rotation`,
 *   `lease`, `definition`, `reencryption`, `member` or `proposal` and whose `scopeId` has a colon. Return an
 *   item of any other type, and an item of one of these types in the scope of a row: the library refuses to
 *   continue past it.
 * - **S8** `list` and `count`: apply product, `mekVersion` and id range, all together.
 * - **S9** `createItem`, `getItem`, `replaceItem`: keep items other than rows, with the rules of `create`,
 *   `get` and `replace`, each under its `scopeId` and `id` and separate from all others.
 * - **S10** return every string as it was written, U+0000, quotes and any Unicode included.
 * - **S11** make each acknowledged write durable, and visible to every process that reads after it (or later,
 *   within the bound of S13).
 * - **S12** reject with `signal.reason`, having written nothing, when the signal has aborted.
 * - **S13** where a read may miss a write that was already acknowledged to another process, return from
 *   `readLagMs` for how many milliseconds at most, up to 3 600 000; absent means never. Reject where the
 *   bound cannot be determined, rather than return a smaller one: rotations wait for it, and so do readers of
 *   a row that does not appear.
 * - **S14** `deleteItem`: remove the item only if its stored etag equals the given one, else reject with
 *   `ETAG_MISMATCH` and remove nothing; also when the item does not exist. Of concurrent deletes and replaces
 *   with one etag exactly one succeeds. The item may be created again, and no earlier etag of it is ever
 *   reused.
 * - **S15** `listItems`: return each item of the scope that exists throughout the listing once, and none of
 *   another scope, in pages no larger than requested, resumable from any continuation.
 * - **S16** `listProducts`, which may be absent: return the `product` of each item with `id` and `type`
 *   `rotation`, in any order, and of a hundred items at most. Only messages use it.
 */
export interface DekStore {
  create(row: DekRow, options?: DekStoreOptions): Promise<StoredItem>;
  get(dekId: string, options?: DekStoreOptions): Promise<StoredItem | undefined>;
  getMany(
    dekIds: readonly string[],
    options?: DekStoreOptions,
  ): Promise<ReadonlyMap<string, StoredItem>>;
  listScope(scopeId: string, options?: DekStoreOptions): Promise<readonly StoredItem[]>;
  replace(row: DekRow, etag: string, options?: DekStoreOptions): Promise<StoredItem>;
  list(filter: DekRowFilter, options?: ListDekRowsOptions): Promise<DekRowPage>;
  count(filter: DekRowFilter, options?: DekStoreOptions): Promise<number>;

  createItem(item: DekStoreItem, options?: DekStoreOptions): Promise<StoredItem>;
  getItem(scopeId: string, id: string, options?: DekStoreOptions): Promise<StoredItem | undefined>;
  replaceItem(item: DekStoreItem, etag: string, options?: DekStoreOptions): Promise<StoredItem>;
  deleteItem(scopeId: string, id: string, etag: string, options?: DekStoreOptions): Promise<void>;
  listItems(scopeId: string, options?: ListDekRowsOptions): Promise<DekRowPage>;

  readLagMs?(options?: DekStoreOptions): Promise<number>;
  listProducts?(options?: DekStoreOptions): Promise<readonly string[]>;
}

/** The most names that `listProducts` returns. */
export const MOST_PRODUCTS = 100;

type Names<T> = readonly (keyof T)[];

const CALL_OPTIONS: Names<DekStoreOptions> = ['signal', 'onRequestCharge'];
const LIST_OPTIONS: Names<ListDekRowsOptions> = ['pageSize', 'continuation', ...CALL_OPTIONS];
const FILTER: Names<DekRowFilter> = ['product', 'mekVersion', 'idFrom', 'idBefore'];

/** Shared by all calls without options: reads are frequent. */
const NONE: object = Object.freeze(Object.create(null) as object);

/** Reads the call options of DEK stores and document stores. */
export function readCallOptions(options: DekStoreOptions | undefined): DekStoreOptions {
  return options === undefined ? NONE : readOptions(options, CALL_OPTIONS);
}

/** Reads the list options of DEK stores and document stores. */
export function readListOptions(options: ListDekRowsOptions | undefined): ListDekRowsOptions {
  return options === undefined ? NONE : readOptions(options, LIST_OPTIONS);
}

/** Refuses a misspelt condition, which would list and count everything. */
export function readRowFilter(filter: DekRowFilter): DekRowFilter {
  return readOptions(filter, FILTER, 'filter');
}

const origins = new WeakMap<object, object>();

/** Called by every wrapper that the library puts around a DEK store. */
export function standsFor(wrapper: object, store: object): void {
  origins.set(wrapper, originOf(store));
}

/** Returns the store as the caller passed it in: the same for all its wrappers. */
export function originOf(store: object): object {
  return origins.get(store) ?? store;
}

export function readRotationItem(
  dekStore: Pick<DekStore, 'getItem'>,
  product: string,
  options?: DekStoreOptions,
): Promise<StoredItem | undefined> {
  return dekStore.getItem(rotationScopeId(product), ROTATION_ID, options);
}

export function readLeaseItem(
  dekStore: Pick<DekStore, 'getItem'>,
  product: string,
  collection: string,
  options?: DekStoreOptions,
): Promise<StoredItem | undefined> {
  return dekStore.getItem(leaseScopeId(product), leaseId(collection), options);
}

export function readReencryptionItem(
  dekStore: Pick<DekStore, 'getItem'>,
  product: string,
  collection: string,
  options?: DekStoreOptions,
): Promise<StoredItem | undefined> {
  return dekStore.getItem(leaseScopeId(product), reencryptionId(collection), options);
}

export function readDefinitionItem(
  dekStore: Pick<DekStore, 'getItem'>,
  product: string,
  collection: string,
  options?: DekStoreOptions,
): Promise<StoredItem | undefined> {
  return dekStore.getItem(definitionScopeId(product), definitionId(collection), options);
}

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
