/**
 * What authors of adapters need: the interfaces of stores and key providers, and the rows that stores keep.
 *
 * @module
 */
export { systemClock, type Clock } from './async/clock.js';
export { KeyProviderError, StoreError, TamperedError } from './errors/errors.js';
export type {
  ActiveDekRow,
  DekRow,
  LiveDekRow,
  PreviousWrap,
  RecoveryWrap,
  RetiredDekRow,
  ShreddedDekRow,
  KeyWrap,
  MekReference,
  WrapAlgorithm,
} from './format/dek-row.js';
export type { Lease } from './format/lease.js';
export type { RotationHistoryEntry, RotationRecord } from './format/rotation-record.js';
export type {
  DocumentedOpsOptions,
  KeyOperation,
  KeyProvider,
  KeyProviderOptions,
  LocalMek,
  WrapKeyOptions,
} from './provider/key-provider.js';
export {
  limitKeyProvider,
  type LimitKeyProviderOptions,
  type OpsLimitOptions,
} from './provider/limit-key-provider.js';
export type {
  DekRowFilter,
  DekRowPage,
  DekStore,
  DekStoreItem,
  DekStoreOptions,
  ListDekRowsOptions,
  StoredItem,
} from './store/dek-store.js';
export type {
  DocumentKeyProperties,
  DocumentPage,
  DocumentStore,
  DocumentStoreOptions,
  ListDocumentsOptions,
  StoredDocumentItem,
} from './store/document-store.js';
