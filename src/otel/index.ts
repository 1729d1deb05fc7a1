/** Metrics and spans of OpenTelemetry, by `@opentelemetry/api`. @module */
export {
  instrumentEncryption,
  type EncryptionInstrumentation,
  type InstrumentEncryptionOptions,
} from './instrument-encryption.js';
export type { ObservedAuditSink, ObservedEncryptor } from './observed-metrics.js';
