/** What each error of the encryption library means for a caller, and for the people on call. @module */
import { KeyProviderError, type AnyFieldEncryptionError } from '@bytelyst/field-encrypt';
import { HttpProblem, type ProblemKind } from './problems.js';

/** `fatal` is an alarm: someone has to look at once. */
export type Severity = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

export interface ReportedProblem {
  readonly problem: HttpProblem;
  readonly severity: Severity;
}

const OUTAGE_RETRY_SECONDS = 5;
/** An operator has to change a permission, a key or a setting first. */
const REPAIR_RETRY_SECONDS = 60;
const MOST_RETRY_SECONDS = 3_600;

/** Nothing of a message is shown to callers: it names keys and rows, which are for the log. */
export function reportedProblemOf(error: AnyFieldEncryptionError): ReportedProblem {
  const { code } = error;
  const report = (kind: ProblemKind, severity: Severity, retryAfterSeconds?: number) => ({
    problem: new HttpProblem(kind, { code }, retryAfterSeconds),
    severity,
  });
  switch (code) {
    // Someone changed what is stored: never "not found", never a retry.
    case 'TAMPERED':
    case 'WRAP_REJECTED':
      return report('note-damaged', 'fatal');

    // Outages: the same request succeeds later.
    case 'KEY_PROVIDER_UNAVAILABLE':
    case 'KEY_PROVIDER_THROTTLED':
    case 'STORE_UNAVAILABLE':
    case 'CONTENDED':
    case 'CIPHER_STALE':
      return report('unavailable', 'warn', retryAfter(error));

    // The vault refuses, a key is disabled or missing, or a shredded key could not be recorded: no note is lost,
    // and an operator can repair it.
    case 'AUDIT_FAILED':
    case 'AUDIT_FULL':
    case 'KEY_PROVIDER_DENIED':
    case 'KEY_PROVIDER_FAILED':
    case 'KEY_PROVIDER_NOT_CONFIGURED':
    case 'KEY_WEAK':
    case 'MEK_DISABLED':
    case 'MEK_NOT_VALID_NOW':
    case 'MEK_UNSUPPORTED':
    case 'MEK_UNUSABLE':
    case 'MEK_VERSION_UNKNOWN':
    case 'ROTATION_RECORD_BEHIND':
    case 'ROTATION_RECORD_MISSING':
    case 'RECORD_KEY_UNKNOWN':
      return report('unavailable', 'error', REPAIR_RETRY_SECONDS);

    // A row that is not there yet, or is lost; the note itself exists.
    case 'DEK_NOT_FOUND':
      return error.retryable
        ? report('unavailable', 'warn', OUTAGE_RETRY_SECONDS)
        : report('note-unreadable', 'error');
    case 'DEK_UNRECOVERABLE':
    case 'DEFINITION_MISMATCH':
    case 'ENVELOPE_UNSUPPORTED':
    case 'PLAINTEXT_REFUSED':
    case 'ROW_UNSUPPORTED':
    case 'TOO_MANY_DEKS':
      return report('note-unreadable', 'error');

    case 'DEK_SHREDDED':
      return report('note-deleted', 'info');
    case 'ALREADY_EXISTS':
      return report('conflict', 'info');
    case 'ETAG_MISMATCH':
      return report('precondition-failed', 'info');
    case 'ENVELOPE_REFUSED':
      return report('note-refused', 'info');

    // No request of this service can cause them: they belong to runs of operators, or are defects.
    case 'ABANDON_REFUSED':
    case 'ADAPTER_CONTRACT':
    case 'BACKFILL_UNFINISHED':
    case 'CONFIGURATION_INVALID':
    case 'DOCUMENT_MOVED':
    case 'MEK_STILL_NEEDED':
    case 'MIGRATION_SUPERSEDED':
    case 'MIGRATION_UNDER_WAY':
    case 'PRODUCT_EMPTY':
    case 'RECOVERY_KEY_UNKNOWN':
    case 'ROTATION_SUPERSEDED':
    case 'ROTATION_UNFINISHED':
    case 'STORE_FAILED':
    case 'TOO_MANY_FAILURES':
      return report('internal', 'error');

    default:
      // A newer version of the library may have more codes; a compiler with its types names them here.
      code satisfies never;
      return report('internal', 'error');
  }
}

function retryAfter(error: AnyFieldEncryptionError): number {
  const asked = error instanceof KeyProviderError ? error.retryAfterMs : undefined;
  if (asked === undefined) return OUTAGE_RETRY_SECONDS;
  return Math.min(Math.max(Math.ceil(asked / 1_000), 1), MOST_RETRY_SECONDS);
}
