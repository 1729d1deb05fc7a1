/** Ready-made sinks for the audit trail: a file, and a service that is reached over HTTP. @module */
export { FileAuditSink, type FileAuditSinkOptions } from './file-audit-sink.js';
export {
  HttpAuditSink,
  type AuditBacklog,
  type FlushAuditOptions,
  type HttpAuditSinkOptions,
} from './http-audit-sink.js';
export { auditActor, type AuditActor, type AuditCi } from '../audit/audit-actor.js';
export {
  signWebhook,
  verifyWebhook,
  type SignWebhookOptions,
  type VerifyWebhookOptions,
} from './webhook-signature.js';
