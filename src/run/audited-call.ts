/** Records a call that is not a run as an operation of the audit trail. @module */
import type { AuditLog } from '../audit/audit-log.js';
import { auditCode, type Facts } from '../audit/audited-operation.js';

interface AuditedCall {
  readonly audit: AuditLog | undefined;
  readonly signal: AbortSignal | undefined;
  /** The name of the function. */
  readonly name: string;
  readonly facts: Facts;
}

/** @throws FieldEncryptionError where the start, or the end, cannot be recorded; errors of the work. */
export async function auditedCall<T>(
  { audit, signal, name, facts }: AuditedCall,
  work: () => Promise<T>,
): Promise<T> {
  if (!audit) return work();
  await audit.begin(name, facts);
  const result = await work().catch(async (error: unknown) => {
    const errorCode = auditCode(error, signal);
    const how = audit.hasChanged ? 'failed' : 'refused';
    const end =
      errorCode === 'ABORTED'
        ? audit.end('stopped', { by: 'signal' })
        : audit.end(how, { errorCode });
    // The failure of the call is the one to report.
    await end.catch(() => undefined);
    throw error;
  });
  await audit.end('finished', {});
  return result;
}
