/** What a migration works with. @module */
import type { DocumentReader } from '../cipher/document-reader.js';
import type { DocumentUpdater } from '../cipher/document-updater.js';
import type { DekServices } from '../dek/dek-services.js';
import type { AnyDefinition } from '../document/typed-document.js';
import type { MeteredDocumentStore } from '../run/metered-document-store.js';
import type { RunContext } from '../run/run-context.js';
import type { MigrationRequest } from './migration-options.js';

export interface MigrationContext extends RunContext {
  readonly definition: AnyDefinition;
  readonly store: MeteredDocumentStore;
  readonly services: DekServices;
  readonly reader: DocumentReader;
  readonly updater: DocumentUpdater;
  readonly request: MigrationRequest;
  /** Before each write of a row; documents are written so by their store. */
  readonly requireLease: () => Promise<void>;
}
