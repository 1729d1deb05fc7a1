/**
 * Field-level envelope encryption for documents.
 *
 * @module
 */
export type {
  DecryptDocumentOptions,
  DecryptDocumentsOptions,
  DecryptOutcome,
} from './cipher/document-reader.js';
export type { DocumentWrite } from './cipher/document-write.js';
export type { Envelope } from './format/key-scope.js';
export type { OpenDocument } from './cipher/open-document.js';
export type { DefinitionMismatch, PlaintextRead } from './cipher/reported-reads.js';
export type { CallOptions } from './async/abort.js';
export { systemClock, type Clock } from './async/clock.js';
export type { AuditEvent } from './audit/audit-event.js';
export type { AuditSink } from './audit/audit-sink.js';
export type { AuditOptions } from './audit/audit-trail.js';
export type { AuditedOperation } from './audit/audited-operation.js';
export { beginAuditedOperation } from './audit/begin-audited-operation.js';
export { DekCache, type DekCacheOptions } from './dek/dek-cache.js';
export {
  type CacheMessage,
  diagnosticsChannels,
  type FailedOpenMessage,
  type PlaintextReadMessage,
  type ReadinessMessage,
  type RetryMessage,
  type RotationRecordMessage,
} from './diagnostics/diagnostics-channels.js';
export type { StoreMessage, UnwrapMessage, WrapMessage } from './diagnostics/traced-call.js';
export { defineDocument, type DocumentDefinition } from './document/define-document.js';
export type { FieldStage } from './document/field-tree.js';
export { defineUntypedDocument } from './document/define-untyped-document.js';
export type { FieldPath, KeyProperty } from './document/field-path.js';
export type {
  AnyDefinition,
  DeclaredPath,
  DocumentKey,
  EncryptedDocument,
  FieldValue,
  PlainDocument,
  StoredDocument,
} from './document/typed-document.js';
export {
  ConfigurationError,
  FieldEncryptionError,
  isFieldEncryptionError,
  KeyProviderError,
  MekStillNeededError,
  StoreError,
  TamperedError,
  type AnyFieldEncryptionError,
  type ErrorCode,
} from './errors/errors.js';
export { createFieldEncryptor, type FieldEncryptor } from './encryptor/field-encryptor.js';
export type {
  DocumentChange,
  EncryptDocumentsOptions,
  FieldEncryptorOptions,
  OpenDocumentOptions,
  UpdateDocumentOptions,
} from './encryptor/field-encryptor-options.js';
export type { Environment } from './encryptor/environment-reader.js';
export { initEncryption, type InitEncryptionOptions } from './encryptor/init-encryption.js';
export {
  registerDefinitions,
  type RegisterDefinitionsOptions,
} from './encryptor/register-definitions.js';
export { backfillDocuments, type BackfillOptions } from './migration/backfill-documents.js';
export { compareDefinitions, type DefinitionComparison } from './inspection/compare-definitions.js';
export {
  countPlaintext,
  type PlaintextCount,
  requireBackfilled,
} from './inspection/count-plaintext.js';
export {
  findMissingDeks,
  type MissingDeksEvent,
  type MissingDeksSummary,
} from './inspection/find-missing-deks.js';
export {
  findOrphanDeks,
  type FindOrphanDeksOptions,
  type OrphanDeksEvent,
  type OrphanDeksSummary,
} from './inspection/find-orphan-deks.js';
export { forgetPaths } from './migration/forget-paths.js';
export type { MigrationEvent, MigrationSummary } from './migration/migration-event.js';
export type { MigrationOptions } from './migration/migration-options.js';
export { moveDocuments, type MoveDocumentsOptions } from './migration/move-documents.js';
export { reencryptDocuments, type ReencryptOptions } from './migration/reencrypt-documents.js';
export { removeEncryption } from './migration/remove-encryption.js';
export { EnvKeyProvider, type EnvKeyProviderOptions } from './provider/env-key-provider.js';
export type { KeyProvider } from './provider/key-provider.js';
export type { MekReference } from './format/dek-row.js';
export type { Readiness } from './encryptor/readiness.js';
export { abandonDek, type AbandonDekOptions, type AbandonedDek } from './recovery/abandon-dek.js';
export {
  adoptRestoredStore,
  type AdoptEvent,
  type AdoptRestoredStoreOptions,
  type AdoptSummary,
} from './recovery/adopt-restored-store.js';
export {
  importDekRows,
  type ImportDekRowsEvent,
  type ImportDekRowsOptions,
  type ImportDekRowsSummary,
} from './recovery/import-dek-rows.js';
export {
  recoverDeks,
  type RecoverDeksOptions,
  type RecoveryEvent,
  type RecoverySummary,
} from './recovery/recover-deks.js';
export {
  assertRetirable,
  type RetirementReport,
  type AssertRetirableOptions,
} from './inspection/assert-retirable.js';
export type { RetirementReason } from './errors/retirement-reason.js';
export {
  findStrayEnvelopes,
  type StrayEnvelopesEvent,
  type StrayEnvelopesSummary,
} from './inspection/find-stray-envelopes.js';
export {
  findUnreadableRows,
  type UnreadableRowsEvent,
  type UnreadableRowsSummary,
} from './inspection/find-unreadable-rows.js';
export { readRecords, type ProductRecords } from './inspection/read-records.js';
export {
  rewrapAllDeks,
  type RewrapAllDeksOptions,
  type RewrapTarget,
  type RollbackRotationOptions,
} from './rotation/rewrap-all-deks.js';
export type { RewrapEvent, RewrapSummary } from './rotation/rewrap-event.js';
export { rollbackRotation } from './rotation/rollback-rotation.js';
export {
  setFenceTtl,
  type FenceTtlReport,
  type SetFenceTtlOptions,
} from './rotation/set-fence-ttl.js';
export { takeCensus, type Census } from './inspection/take-census.js';
export type { EncryptionContext, RunOptions } from './run/run-context.js';
export type { RunCounts, RunName, RunSummary } from './run/run-event.js';
export type { RunMessage } from './run/run-publisher.js';
export type { SearchOptions } from './run/search.js';
export {
  authenticateRecords,
  type RecordAuthentication,
  type RecordAuthenticationOptions,
} from './store/authenticate-records.js';
export type { DekStore } from './store/dek-store.js';
export type { DocumentStore } from './store/document-store.js';
export { addRecoveryWraps } from './maintenance/add-recovery-wraps.js';
export type { MaintenanceEvent, MaintenanceSummary } from './maintenance/maintain-rows.js';
export {
  prunePreviousWraps,
  type PrunePreviousWrapsOptions,
} from './maintenance/prune-previous-wraps.js';
export { resealRecords } from './maintenance/reseal-records.js';
