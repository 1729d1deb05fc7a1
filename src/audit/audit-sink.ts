/** Where audit events go. @module */
import type { AuditEvent } from './audit-event.js';

/**
 * Receives the audit trail. Ready-made sinks are in `@bytelyst/field-encrypt/audit`: `FileAuditSink` and
 * `HttpAuditSink`; another one needs `write` alone.
 *
 * The library calls `write` for one event after the other, in the order of their `sequence`. An operation begins
 * only once its start is written, and ends with an error where its end cannot be written.
 *
 * @example
 * ```ts
 * import { appendFile } from 'node:fs/promises';
 * import type { AuditSink } from '@bytelyst/field-encrypt';
 *
 * // Not durable after a power failure: FileAuditSink is.
 * const sink: AuditSink = {
 *   write: (event) => appendFile('audit.jsonl', `${JSON.stringify(event)}\n`),
 * };
 * console.log(typeof sink.write); // function
 * ```
 */
export interface AuditSink {
  /**
   * Resolves once the event is durable: it must not wait for a service that may be unreachable.
   *
   * @throws FieldEncryptionError `AUDIT_FULL` or `AUDIT_FAILED` where the event is not recorded. Any other error
   *   counts as `AUDIT_FAILED`.
   */
  write(event: AuditEvent): Promise<void>;
  /**
   * The starts of operations that have no end, and whose process is gone. The next operation records that it
   * follows them, with an event `operation.taken-over` for each. A sink without it cannot know them.
   */
  unfinished?(): Promise<readonly AuditEvent[]>;
}
