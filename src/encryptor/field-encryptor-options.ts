/** What an encryptor is made of, and what its methods take besides documents. @module */
import type { PlaintextRead } from '../cipher/plaintext-read.js';
import type { CallOptions } from '../async/call-options.js';
import type { Clock } from '../async/clock.js';
import type { DekCache } from '../dek/dek-cache.js';
import type {
  AnyDefinition,
  DocumentKey,
  EncryptedDocument,
  StoredDocument,
} from '../document/typed-document.js';
import type { KeyProvider } from '../provider/key-provider.js';
import type { DekStore } from '../store/dek-store.js';

/** What a reader does with plaintext in a declared field. */
export type EncryptionMode = 'migrate' | 'strict';

export interface FieldEncryptorOptions {
  /** Names the product in every key and ciphertext; it can never be renamed. */
  readonly product: string;
  /** All providers whose MEKs rows may name; a new product starts with the first. */
  readonly keyProviders: readonly KeyProvider[];
  readonly dekStore: DekStore;
  /**
   * Shared with other encryptors over the same `dekStore` object and product; any other is refused with a
   * RangeError. @default a cache of its own, with default limits
   */
  readonly dekCache?: DekCache;
  /**
   * `'strict'` refuses plaintext in a declared field on read; `'migrate'` passes it through and
   * counts it in `plaintextReads`, for the time until a backfill is done.
   *
   * @default 'strict'
   */
  readonly mode?: EncryptionMode;
  /**
   * `false` writes plaintext and reads both, for local work without keys; with `NODE_ENV=production` only
   * beside `insecureAllowDisabledInProduction`. @default true
   */
  readonly enabled?: boolean;
  /** Lets `enabled: false` pass where `NODE_ENV` is `production`. @default false */
  readonly insecureAllowDisabledInProduction?: boolean;
  /**
   * Called for each declared field that was plaintext and was passed through, once its document (or
   * `OpenDocument.open` its value) was read; as often as `plaintextReads` counts. It gets no
   * value. The reader waits for it, so keep it short; what it throws is ignored and fails no read.
   */
  readonly onPlaintextRead?: (read: PlaintextRead) => void;
  /**
   * An RSA public key of 2048, 3072 or 4096 bits, PEM. Each DEK that is made or rewrapped is wrapped
   * for it too: should every version of the MEK be lost, whoever holds the private key, which belongs
   * offline, gets the DEKs back with `recoverDeks`. @default none: then a lost MEK loses every document
   */
  readonly recoveryKey?: string;
  /**
   * How long a writer may act on a cached row, 1 000 to 600 000. Only for a product's first DEK:
   * from then on the rotation record's value counts. @default 30 000
   */
  readonly fenceTtlMs?: number;
  /**
   * The epoch of the newest rotation that this process has to know of, 1 or more: a rotation record below
   * it was put back to an older one, and nothing is sealed by it. `checkReadiness` reports the epoch; raise
   * this after each rotation, so that a restart does not forget it. @default 1
   */
  readonly minimumEpoch?: number;
  /**
   * Turns record authentication on: DEK rows and the rotation record are written with a mac under this
   * key, and refused without a true one. 32 bytes as base64, base64url or hex, held by every process of
   * the product and by nobody who can only write the database. @default off
   */
  readonly recordKey?: string;
  /** Verify records, and do not sign them: earlier record keys, or the one that is next. @default none */
  readonly previousRecordKeys?: readonly string[];
  /**
   * Accepts records without a mac, from before there was a `recordKey`, until `resealRecords` is complete.
   * Whoever can write the database can take a mac away as long. @default false
   */
  readonly insecureAcceptUnauthenticatedRecords?: boolean;
  /** Replaced in tests. @default the machine's clock */
  readonly clock?: Clock;
}

export interface DecryptDocumentOptions<D extends AnyDefinition> extends CallOptions {
  /**
   * Key parts that the caller knows from elsewhere, from the route or the session: a document that
   * names others is refused. Never take them from the document itself.
   */
  readonly expect?: Partial<DocumentKey<D>>;
}

export interface DecryptDocumentsOptions<
  D extends AnyDefinition,
> extends DecryptDocumentOptions<D> {
  /** Unwraps side by side at most. @default 16 */
  readonly concurrency?: number;
}

export interface OpenDocumentOptions extends CallOptions {
  /** Makes the document's DEK if it has none, so that it can be sealed. @default false */
  readonly createDek?: boolean;
}

export interface UpdateDocumentOptions extends CallOptions {
  /**
   * How often it reads, changes and writes, 1 to 1 000, before it gives up because another write came first
   * each time. Between two attempts it waits for a random time, of 10 ms at most and then up to 1 s.
   *
   * @default 24
   */
  readonly attempts?: number;
}

/** Makes of a stored document the one to be stored. */
export type DocumentChange<D extends AnyDefinition> = (
  stored: EncryptedDocument<D> | undefined,
) => Promise<StoredDocument<D> | undefined> | StoredDocument<D> | undefined;
