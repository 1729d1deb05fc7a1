/** Both stores of a search, and what its requests cost. @module */
import type { CallSource } from '../diagnostics/traced-call.js';
import { RunCharge } from '../rotation/run-charge.js';
import { CheckedDekStore } from '../store/checked-dek-store.js';
import type { DekStore } from '../store/dek-store.js';
import type { DocumentStore } from '../store/document-store.js';
import { MeteredDekStore } from '../store/metered-dek-store.js';
import type { AnyDocumentStore } from './document-pages.js';
import { MigrationDocumentStore } from './migration-document-store.js';

export interface MeteredStores {
  readonly charge: RunCharge;
  readonly dekStore: Required<DekStore>;
  readonly documentStore: AnyDocumentStore;
}

export function meteredStores(
  dekStore: DekStore,
  documentStore: DocumentStore<object>,
  source: CallSource,
): MeteredStores {
  const charge = new RunCharge();
  const onRequestCharge = (units: number): void => {
    charge.add(units);
  };
  const store = documentStore as AnyDocumentStore;
  return {
    charge,
    dekStore: new MeteredDekStore(new CheckedDekStore(dekStore, source), onRequestCharge),
    documentStore: new MigrationDocumentStore({ store, onRequestCharge }),
  };
}
