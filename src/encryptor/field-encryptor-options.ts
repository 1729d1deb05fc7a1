/** The options of an encryptor and of its methods. @module */
import type { Clock } from '../async/clock.js';
import { type CallOptions, ownCallOptions } from '../async/abort.js';
import { withConcurrency } from '../cipher/document-reader.js';
import type { AuditOptions } from '../audit/audit-trail.js';
import type { DefinitionMismatch, PlaintextRead } from '../cipher/reported-reads.js';
import type { DekCache } from '../dek/dek-cache.js';
import type {
  AnyDefinition,
  DocumentKey,
  EncryptedDocument,
  StoredDocument,
} from '../document/typed-document.js';
import {
  readOptions,
  requireBoolean,
  requireFunction,
  requireOneOf,
  isPlainObject,
  requireIntegerBetween,
  requireKnownOptions,
} from '../guards/guards.js';
import type { KeyProvider } from '../provider/key-provider.js';
import type { DekStore } from '../store/dek-store.js';
import { isProduction } from './environment-reader.js';

/** What a reader does with plaintext in a declared field. */
export type EncryptionMode = 'migrate' | 'strict';

export interface FieldEncryptorOptions {
  /** The name of the product, part of every key and ciphertext; it can never be changed. */
  readonly product: string;
  /** All providers whose MEKs rows may name; a new product starts with the first one. */
  readonly keyProviders: readonly KeyProvider[];
  readonly dekStore: DekStore;
  /**
   * May be shared with other encryptors over the same `dekStore` object and product; any other use throws a
   * RangeError. @default a new cache, with default limits
   */
  readonly dekCache?: DekCache;
  /**
   * `'strict'` refuses plaintext in a declared field on read; `'migrate'` passes it through and counts it in
   * `plaintextReads`, until a backfill is complete.
   *
   * @default 'strict'
   */
  readonly mode?: EncryptionMode;
  /**
   * `false` writes plaintext and reads both, for local work without keys; with `NODE_ENV=production` only
   * together with `insecureAllowDisabledInProduction`. @default true
   */
  readonly enabled?: boolean;
  /** Accepts `enabled: false` where `NODE_ENV` is `production`. @default false */
  readonly insecureAllowDisabledInProduction?: boolean;
  /**
   * Called for each declared field that was plaintext and was passed through, once its document (or its value
   * with `OpenDocument.open`) was read; as often as `plaintextReads` counts. It receives no value. The reader
   * waits for it, so keep it short; an error in it is ignored and fails no read.
   */
  readonly onPlaintextRead?: (read: PlaintextRead) => void;
  /**
   * Called where mode `'migrate'` passed an envelope through that another definition sealed, once its document
   * was read; as often as `definitionMismatches` counts. Mode `'strict'` throws `DEFINITION_MISMATCH` instead.
   * Like `onPlaintextRead`, it receives no value, and its errors are ignored.
   */
  readonly onDefinitionMismatch?: (mismatch: DefinitionMismatch) => void;
  /**
   * An RSA public key of 2048, 3072 or 4096 bits, PEM. Each DEK that is created or rewrapped is also wrapped
   * for it: if every version of the MEK is lost, the holder of the private key, which belongs offline,
   * recovers the DEKs with `recoverDeks`. @default none: a lost MEK then loses every document
   */
  readonly recoveryKey?: string;
  /**
   * How long a writer may act on a cached row, 1 000 to 600 000. Used only for a product's first DEK: from
   * then on the rotation record's value counts. @default 30 000
   */
  readonly fenceTtlMs?: number;
  /**
   * The epoch of the newest rotation that this process must know of, 1 or more. A rotation record below it
   * was restored from an older state, and nothing is sealed under it. `checkReadiness` reports the epoch;
   * raise this option after each rotation, so that a restart does not forget it. @default 1
   */
  readonly minimumEpoch?: number;
  /**
   * Turns record authentication on: DEK rows and the rotation record are written with a mac under this key,
   * and refused without a valid one. 32 bytes as base64, base64url or hex, known to every process of the
   * product, and to no one who can only write the database. @default off
   */
  readonly recordKey?: string;
  /** Keys that verify records, and do not sign them: earlier record keys, or the next one. @default none */
  readonly previousRecordKeys?: readonly string[];
  /**
   * Accepts records without a mac, from before there was a `recordKey`, until `resealRecords` is complete.
   * Until then, anyone who can write the database can remove a mac. @default false
   */
  readonly insecureAcceptUnauthenticatedRecords?: boolean;
  /**
   * Records what is shredded, each run that works on this encryptor, and with `failures` also documents that
   * cannot be opened. What was only counted is recorded by `close`. @default off
   */
  readonly audit?: AuditOptions;
  /** Replaced in tests. @default the machine's clock */
  readonly clock?: Clock;
}

export interface OpenDocumentOptions extends CallOptions {
  /** Creates the document's DEK if it has none, so that it can be sealed. @default false */
  readonly createDek?: boolean;
}

export interface UpdateDocumentOptions extends CallOptions {
  /**
   * How often the call reads, changes and writes, 1 to 1 000, before it rejects because another write came
   * first each time. Between two attempts it waits for a random time, at first up to 10 ms and finally up to
   * 1 s.
   *
   * @default 24
   */
  readonly attempts?: number;
}

/** Returns the document to store, given the stored one. */
export type DocumentChange<D extends AnyDefinition, X = StoredDocument<D>> = (
  stored: EncryptedDocument<D> | undefined,
) => Promise<X | undefined> | X | undefined;

/** Returns the plain document to store, given the decrypted one. */
export type DecryptedDocumentChange<T extends object, X extends T = T> = (
  document: T | undefined,
) => Promise<X | undefined> | X | undefined;

export interface EncryptDocumentsOptions extends CallOptions {
  /** Most documents in progress, 1 to 1 000: each may need one wrap and two calls of the store. @default 16 */
  readonly concurrency?: number;
}

const OPTIONS: readonly (keyof FieldEncryptorOptions)[] = [
  'product',
  'keyProviders',
  'dekStore',
  'dekCache',
  'mode',
  'enabled',
  'insecureAllowDisabledInProduction',
  'onPlaintextRead',
  'onDefinitionMismatch',
  'recoveryKey',
  'fenceTtlMs',
  'minimumEpoch',
  'recordKey',
  'previousRecordKeys',
  'insecureAcceptUnauthenticatedRecords',
  'audit',
  'clock',
];

/** @throws TypeError or RangeError for unknown options, and for one that is not allowed here. */
export function readEncryptorOptions(options: FieldEncryptorOptions): FieldEncryptorOptions {
  const own = readOptions(options, OPTIONS);
  const { enabled = true, insecureAllowDisabledInProduction: isAllowed = false } = own;
  const { mode = 'strict', onPlaintextRead, onDefinitionMismatch } = own;
  requireOneOf('mode', mode, ['strict', 'migrate']);
  if (onPlaintextRead !== undefined) requireFunction('onPlaintextRead', onPlaintextRead);
  if (onDefinitionMismatch !== undefined) {
    requireFunction('onDefinitionMismatch', onDefinitionMismatch);
  }
  requireBoolean('enabled', enabled);
  requireBoolean('insecureAllowDisabledInProduction', isAllowed);
  if (!enabled && !isAllowed) refuseInProduction();
  return own;
}

/** Like `initEncryption` for `FIELD_ENCRYPT_ENABLED`: plaintext in production must be intended. */
function refuseInProduction(): void {
  if (!isProduction(process.env)) return;
  throw new RangeError(
    '"enabled" is false while NODE_ENV is "production": turn it on, or pass insecureAllowDisabledInProduction: true',
  );
}

const MOST_ATTEMPTS = 1_000;

export function readOpenOptions(options: OpenDocumentOptions): Required<OpenDocumentOptions> {
  const { createDek = false, signal } = ownCallOptions(options, ['createDek']);
  requireBoolean('createDek', createDek);
  return { createDek, signal };
}

export function readUpdateOptions(options: UpdateDocumentOptions): UpdateDocumentOptions {
  const own = ownCallOptions(options, ['attempts']);
  const { attempts } = own;
  if (attempts !== undefined) requireIntegerBetween('attempts', attempts, 1, MOST_ATTEMPTS);
  return own;
}

export function readEncryptListOptions(
  options: EncryptDocumentsOptions,
): EncryptDocumentsOptions & { readonly concurrency: number } {
  return withConcurrency(ownCallOptions(options, ['concurrency']));
}

/** The definition refuses anything but an object, and missing parts. */
export function requireKeyAlone<D extends AnyDefinition>(definition: D, key: DocumentKey<D>): void {
  if (isPlainObject(key)) requireKnownOptions(key, definition.key, 'key');
}
