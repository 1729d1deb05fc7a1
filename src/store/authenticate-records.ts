/** Turns record authentication on for a DEK store. @module */
import { readOptions, requireBoolean, requireMethods } from '../guards/guards.js';
import { AuthenticatedDekStore, type RecordKeyFacts } from './authenticated-dek-store.js';
import type { DekStore, StoredItem } from './dek-store.js';
import { RecordKeys, RecordSeal } from './record-seal.js';

export interface RecordAuthenticationOptions {
  /**
   * Authenticates DEK rows and the rotation record, on every read and write: 32 bytes as base64, base64url or
   * hex, unknown to anyone who can only write the database.
   */
  readonly recordKey: string;
  /** Keys that verify, and do not sign: earlier record keys, or the next one. @default none */
  readonly previousRecordKeys?: readonly string[];
  /**
   * Accepts records without a mac, from before record authentication was turned on, until `resealRecords` is
   * complete. Until then, anyone who can write the database can remove a mac. @default false
   */
  readonly insecureAcceptUnauthenticatedRecords?: boolean;
}

/** Whether all records must be authentic, only those that have a mac, or none is checked. */
export type RecordAuthentication = 'off' | 'optional' | 'required';

const OPTIONS: readonly (keyof RecordAuthenticationOptions)[] = [
  'recordKey',
  'previousRecordKeys',
  'insecureAcceptUnauthenticatedRecords',
];

/**
 * Wraps a DEK store so that every row and rotation record is written with a mac, and every one read must have
 * a valid one. Without it, anyone who can write an RSA-wrapped `dek_store` can plant a DEK they know.
 *
 * `createFieldEncryptor` does this when it has a `recordKey`, and its `dekStore` is the wrapped store; call
 * this where you pass parts by hand. Leases have no mac. A row that is not authentic is refused with
 * `TAMPERED`, by `list` and `getMany` as an item with an `error`. It is not detected when an older row is put
 * back under its own id, or a row is removed.
 *
 * @returns The store to use instead, for reading and for writing.
 * @throws TypeError or RangeError for invalid keys or options.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import { authenticateRecords, takeCensus } from '@bytelyst/field-encrypt';
 * import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';
 *
 * const recordKey = randomBytes(32).toString('base64');
 * const dekStore = authenticateRecords(new MemoryDekStore(), { recordKey });
 * const options = { allowEmpty: true }; // this example has stored nothing
 * console.log((await takeCensus({ product: 'notelett', dekStore }, options)).unreadable); // 0
 * ```
 */
export function authenticateRecords(
  dekStore: DekStore,
  options: RecordAuthenticationOptions,
): DekStore {
  requireMethods('dekStore', 'a DEK store', ['create', 'get', 'replace', 'list'], dekStore);
  if (dekStore instanceof AuthenticatedDekStore) {
    throw new TypeError('"dekStore" already authenticates its records');
  }
  const own = readOptions(options, OPTIONS);
  const { recordKey, previousRecordKeys = [] } = own;
  const { insecureAcceptUnauthenticatedRecords: accepts = false } = own;
  if (!Array.isArray(previousRecordKeys)) {
    throw new TypeError('"previousRecordKeys" expected an array');
  }
  requireBoolean('insecureAcceptUnauthenticatedRecords', accepts);
  const keys = new RecordKeys(recordKey, previousRecordKeys);
  return new AuthenticatedDekStore(dekStore, new RecordSeal(keys, accepts));
}

type MaybeRecordKey = {
  readonly [Name in keyof RecordAuthenticationOptions]?:
    RecordAuthenticationOptions[Name] | undefined;
};

/**
 * Returns the store as an encryptor uses it: authenticated where a record key is passed.
 *
 * @throws TypeError where the other options come without a key: protection would be off silently.
 */
export function withRecordKey(
  dekStore: DekStore,
  { recordKey, ...others }: MaybeRecordKey,
): DekStore {
  const given = Object.entries(others).filter(([, value]) => value !== undefined);
  const options = Object.fromEntries(given);
  if (recordKey !== undefined) return authenticateRecords(dekStore, { recordKey, ...options });
  const [name] = Object.keys(options);
  if (name === undefined) return dekStore;
  throw new TypeError(`"${name}" without a "recordKey" protects nothing: pass the key too`);
}

/** Returns a copy of a store, authenticated as the store is, unless it authenticates its records itself. */
export function authenticatedAs(dekStore: DekStore, copy: DekStore): DekStore {
  const isOwn = copy instanceof AuthenticatedDekStore;
  return dekStore instanceof AuthenticatedDekStore && !isOwn ? dekStore.over(copy) : copy;
}

/** Returns the store that holds the items as they are, with macs that nothing has checked. */
export function uncheckedStore(dekStore: DekStore): DekStore {
  return dekStore instanceof AuthenticatedDekStore ? dekStore.unchecked : dekStore;
}

/**
 * Checks the mac of a row that was read from {@link uncheckedStore}.
 *
 * @throws TamperedError; FieldEncryptionError `RECORD_KEY_UNKNOWN`.
 */
export function requireAuthentic(dekStore: DekStore, item: StoredItem, dekId: string): void {
  if (dekStore instanceof AuthenticatedDekStore) dekStore.opened(item, dekId);
}

export function recordAuthenticationOf(dekStore: DekStore): RecordAuthentication {
  if (!(dekStore instanceof AuthenticatedDekStore)) return 'off';
  return dekStore.acceptsUnauthenticated ? 'optional' : 'required';
}

/**
 * Returns the keys that a store authenticates with, the signing key first; none where it does not
 * authenticate.
 */
export function recordKeysOf(dekStore: DekStore): readonly RecordKeyFacts[] {
  if (!(dekStore instanceof AuthenticatedDekStore)) return [];
  // An older copy of this package does not report it.
  return (dekStore as Partial<AuthenticatedDekStore>).recordKeys ?? [];
}
