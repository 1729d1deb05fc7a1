/** What a migration works with. @module */
import type { DocumentUpdater } from '../cipher/document-updater.js';
import type { DocumentReader } from '../cipher/document-reader.js';
import type { Clock } from '../clock.js';
import type { DekCache } from '../dek/dek-cache.js';
import type { DekServices } from '../dek/dek-services.js';
import type { AnyDefinition } from '../document/typed-document.js';
import type { KeyProvider } from '../provider/key-provider.js';
import type { DekStore } from '../store/dek-store.js';
import type { MigrationDocumentStore } from './migration-document-store.js';
import type { MigrationRequest } from './migration-options.js';

/** What a migration of documents works on; a `FieldEncryptor` is one. */
export interface MigrationEncryption {
  readonly product: string;
  readonly keyProviders: readonly KeyProvider[];
  readonly dekStore: DekStore;
  /** Told of each DEK that is shredded. The migration keeps its own, so that it displaces no key. */
  readonly dekCache?: DekCache;
  /** An RSA public key, PEM: each new DEK is wrapped for it too. */
  readonly recoveryKey?: string;
  /** @default true */
  readonly enabled?: boolean;
  /** Only for a product that has no rotation record yet. @default 30 000 */
  readonly fenceTtlMs?: number;
  /** Refuses a rotation record below this epoch: it was put back to an older one. @default 1 */
  readonly minimumEpoch?: number;
  /** @default systemClock */
  readonly clock?: Clock;
}

/** @internal */
export interface MigrationContext {
  readonly product: string;
  readonly definition: AnyDefinition;
  readonly store: MigrationDocumentStore;
  readonly dekStore: Required<DekStore>;
  readonly services: DekServices;
  readonly reader: DocumentReader;
  readonly updater: DocumentUpdater;
  /** Of whoever asked for the migration. */
  readonly sharedCache: DekCache | undefined;
  readonly clock: Clock;
  readonly request: MigrationRequest;
  readonly signal: AbortSignal | undefined;
  /** Before each write of a row; documents are written so by their store. */
  readonly requireLease: () => Promise<void>;
}
