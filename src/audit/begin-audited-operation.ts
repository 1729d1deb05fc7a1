/** Records an operation of the application, with the runs that are made in it. @module */
import { systemClock, type Clock } from '../async/clock.js';
import {
  readEncryption,
  readOptions,
  requireIdentifier,
  requirePlainObject,
} from '../guards/guards.js';
import { AuditedOperation } from './audited-operation.js';
import { type AuditOptions, AuditTrail, readAuditOptions } from './audit-trail.js';

interface AuditedContext {
  readonly product: string;
  readonly audit?: AuditOptions;
  readonly clock?: Clock;
}

interface OperationStart {
  /** What is done, such as `nightly-rotation`. */
  readonly name: string;
  /** Plain JSON to record with the start, in `data.facts`: never a key, a value or the key of a document. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

/**
 * Records the start of an operation of your own in the audit trail: a command, a job, a request of an operator.
 * Runs that get its `audit` name it as their parent. Record its end with `end`, in each case: an operation
 * without an end counts as unfinished once its process is gone.
 *
 * @param context - A `FieldEncryptor` with `audit`, or these parts of it.
 * @returns Once the start is durable.
 * @throws TypeError or RangeError for invalid parts. FieldEncryptionError `AUDIT_FULL` or `AUDIT_FAILED`: the
 *   start is not recorded, so do not begin.
 *
 * @example
 * ```ts
 * import { beginAuditedOperation, type AuditEvent, type AuditSink } from '@bytelyst/field-encrypt';
 *
 * const events: AuditEvent[] = [];
 * const sink: AuditSink = { write: async (event) => void events.push(event) };
 * const context = { product: 'notelett', audit: { sink } };
 * const operation = await beginAuditedOperation(context, { name: 'nightly-rotation' });
 * // Here: rewrapAllDeks({ ...parts, audit: operation.audit }, options)
 * await operation.end('finished', { facts: { ticket: 'OPS-12' } });
 * console.log(events.map(({ type }) => type.split('.').at(-2))); // [ 'started', 'finished' ]
 * ```
 */
export async function beginAuditedOperation(
  context: AuditedContext,
  options: OperationStart,
): Promise<AuditedOperation> {
  const { product, audit, clock = systemClock } = readEncryption(context);
  requireIdentifier('product', product);
  const { name, facts } = readOptions(options, ['name', 'facts']);
  requireIdentifier('name', name);
  if (facts !== undefined) requirePlainObject('facts', facts);
  const trail = new AuditTrail(readAuditOptions(audit as AuditOptions), { product, clock });
  return AuditedOperation.begin(trail, { kind: 'command', name, facts: facts ? { facts } : {} });
}
