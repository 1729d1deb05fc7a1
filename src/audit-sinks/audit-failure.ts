/** Why an event was not recorded, and what the operator does about it. @module */
import { FieldEncryptionError } from '../errors/errors.js';

const STEPS: Readonly<Record<string, string>> = {
  EACCES: 'let this process read and write there',
  EDQUOT: 'free space on its disk',
  EFBIG: 'raise the limit of the size of files',
  EISDIR: 'name a file, and not a folder',
  ENOENT: 'create its folder',
  ENOSPC: 'free space on its disk',
  ENOTDIR: 'name a folder that can exist',
  EPERM: 'let this process read and write there',
  EROFS: 'let this process read and write there',
};

/** The code of a system error: it quotes nothing. */
export function codeOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,63}$/.test(code) ? code : 'FAILED';
}

/** @param what - Such as `The audit file "audit.jsonl"`. */
export function auditFailed(what: string, cause: unknown): FieldEncryptionError {
  const code = codeOf(cause);
  const step = STEPS[code] ?? 'see the cause';
  return new FieldEncryptionError(
    'AUDIT_FAILED',
    `${what} was not written (${code}), and the event is not recorded: ${step}, and try again`,
    { cause },
  );
}

export function auditUnreadable(what: string, cause: unknown): FieldEncryptionError {
  const code = codeOf(cause);
  const step = STEPS[code] ?? 'see the cause';
  return new FieldEncryptionError(
    'AUDIT_FAILED',
    `${what} was not read (${code}): ${step}, and try again`,
    { cause },
  );
}

export function auditClosed(what: string): FieldEncryptionError {
  return new FieldEncryptionError(
    'AUDIT_FAILED',
    `${what} is closed, and the event is not recorded: close the sink last`,
  );
}

interface FullSpool {
  readonly folder: string;
  readonly bytes: number;
  readonly maxBytes: number;
  readonly lastFailure: string | undefined;
}

export function auditFull(spool: FullSpool): FieldEncryptionError {
  const { folder, bytes, maxBytes, lastFailure = 'none' } = spool;
  return new FieldEncryptionError(
    'AUDIT_FULL',
    `The audit spool "${folder}" holds ${String(bytes)} bytes that are not sent, and may hold ${String(maxBytes)} ` +
      `(last failure: ${lastFailure}): make the audit service reachable, or raise "maxBytes", and try again`,
    { retryable: true },
  );
}
