/**
 * Field-level envelope encryption for documents.
 *
 * @module
 */
export type { DecryptOutcome } from './cipher/document-reader.js';
export type { DocumentWrite } from './cipher/document-write.js';
export type { Envelope } from './cipher/envelope.js';
export type { OpenDocument } from './cipher/open-document.js';
export type { PlaintextRead } from './cipher/plaintext-read.js';
export { systemClock, type Clock } from './clock.js';
export { DekCache, type DekCacheOptions } from './dek/dek-cache.js';
export type {
  ActiveDekRow,
  DekRow,
  LiveDekRow,
  PreviousWrap,
  RecoveryWrap,
  RetiredDekRow,
  ShreddedDekRow,
} from './dek/dek-row.js';
export {
  defineDocument,
  type DocumentDefinition,
  type DocumentShape,
} from './document/define-document.js';
export type {
  AnyDefinition,
  DeclaredPath,
  DocumentKey,
  EncryptedDocument,
  FieldPath,
  KeyProperty,
  PlainDocument,
  StoredDocument,
} from './document/typed-document.js';
export {
  ConfigurationError,
  FieldEncryptionError,
  isFieldEncryptionError,
  KeyProviderError,
  StoreError,
  TamperedError,
  type AnyFieldEncryptionError,
  type ConfigurationProblem,
  type ErrorCode,
  type ErrorDetails,
  type KeyProviderErrorCode,
  type PlainErrorCode,
  type StoreErrorCode,
} from './errors.js';
export { createFieldEncryptor, type FieldEncryptor } from './field-encryptor.js';
export type {
  DecryptDocumentOptions,
  DecryptDocumentsOptions,
  DocumentChange,
  EncryptionMode,
  FieldEncryptorOptions,
  OpenDocumentOptions,
  UpdateDocumentOptions,
} from './field-encryptor-options.js';
export type { Environment } from './environment-reader.js';
export type { InsecureAllowances } from './environment.js';
export { initEncryption, type InitEncryptionOptions } from './init-encryption.js';
export { backfillDocuments } from './migration/backfill-documents.js';
export {
  countPlaintext,
  type CountPlaintextOptions,
  type PlaintextCount,
} from './migration/count-plaintext.js';
export type { DocumentIdentity } from './migration/document-identity.js';
export { findMissingDeks } from './migration/find-missing-deks.js';
export type { FindMissingDeksOptions, FindOrphanDeksOptions } from './migration/find-options.js';
export { findOrphanDeks } from './migration/find-orphan-deks.js';
export type { MigrationEncryption } from './migration/migration-context.js';
export type {
  CurrentDocumentEvent,
  DekChanges,
  FailedDocumentEvent,
  LeaseEvent,
  MigratedDocumentEvent,
  MigrationBegunEvent,
  MigrationCounts,
  MigrationEvent,
  MigrationFinishedEvent,
  MigrationKind,
  MigrationPassedEvent,
  MigrationPassEvent,
  MigrationSummary,
  RewrittenEvent,
  SkippedDocumentEvent,
  WouldRewriteEvent,
} from './migration/migration-event.js';
export type { MigrationOptions } from './migration/migration-options.js';
export type {
  MissingDek,
  MissingDekCounts,
  MissingDekEvent,
  MissingDekFailedEvent,
  MissingDeksEvent,
  MissingDeksFinishedEvent,
  MissingDeksSummary,
} from './migration/missing-event.js';
export type {
  OrphanDekCounts,
  OrphanDekEvent,
  OrphanDekFailedEvent,
  OrphanDeksEvent,
  OrphanDeksFinishedEvent,
  OrphanDeksSummary,
} from './migration/orphan-event.js';
export {
  requireBackfilled,
  type BackfilledCollection,
  type RequireBackfilledOptions,
} from './migration/require-backfilled.js';
export { reencryptDocuments } from './migration/reencrypt-documents.js';
export type { ReencryptOptions, ReencryptSource } from './migration/reencrypt-options.js';
export { removeEncryption } from './migration/remove-encryption.js';
export { EnvKeyProvider, type EnvKeyProviderOptions } from './provider/env-key-provider.js';
export type { VaultBudgetOptions } from './provider/budget-options.js';
export type {
  DocumentedOpsOptions,
  KeyOperation,
  KeyProvider,
  KeyProviderOptions,
  WrapKeyOptions,
} from './provider/key-provider.js';
export type { KeyWrap, MekReference, WrapAlgorithm } from './provider/key-wrap.js';
export type { VaultUse } from './provider/vault-use.js';
export type { Readiness, ReadinessCheck } from './readiness.js';
export type { Lease } from './rotation/lease.js';
export { rewrapAllDeks, type RewrapEncryption } from './rotation/rewrap-all-deks.js';
export type { RewrapEstimate } from './rotation/rewrap-estimate.js';
export type {
  BegunEvent,
  CurrentEvent,
  FailedEvent,
  FinishedEvent,
  PassedEvent,
  PassEvent,
  RewrapCounts,
  RewrapEvent,
  RewrappedEvent,
  RewrapRowEvent,
  RewrapSummary,
  SkippedEvent,
  WouldRewrapEvent,
} from './rotation/rewrap-event.js';
export type { FenceEvent } from './rotation/fence.js';
export type { RewrapAllDeksOptions, RewrapTarget } from './rotation/rewrap-options.js';
export type { VerifyMode } from './rotation/row-rewrapper.js';
export {
  takeCensus,
  type Census,
  type TakeCensusOptions,
  type UnreadableRow,
  type WrapCensus,
} from './rotation/take-census.js';
export type {
  RotationHistoryEntry,
  RotationRecord,
  RotationState,
} from './rotation/rotation-record.js';
export type {
  DekRowFilter,
  DekRowPage,
  DekStore,
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
