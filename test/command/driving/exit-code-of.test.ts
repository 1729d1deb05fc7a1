import { type ErrorCode, FieldEncryptionError } from '@bytelyst/field-encrypt';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../command/command-line/usage-error.js';
import { exitCodeOf } from '../../../command/driving/exit-code-of.js';

/** By code: the exit code before something may have been written, and after it. A code that is missing here is no type. */
const EXIT_CODES: Readonly<Record<ErrorCode, readonly [before: number, after: number]>> = {
  ABANDON_REFUSED: [3, 1],
  ADAPTER_CONTRACT: [3, 1],
  ALREADY_EXISTS: [3, 1],
  AUDIT_FAILED: [3, 1],
  AUDIT_FULL: [3, 1],
  BACKFILL_UNFINISHED: [3, 1],
  CIPHER_STALE: [3, 1],
  CONFIGURATION_INVALID: [2, 2],
  CONTENDED: [3, 1],
  DEFINITION_MISMATCH: [3, 1],
  DEK_NOT_FOUND: [3, 1],
  DEK_SHREDDED: [3, 1],
  DEK_UNRECOVERABLE: [3, 1],
  DOCUMENT_MOVED: [3, 1],
  ENVELOPE_REFUSED: [3, 1],
  ENVELOPE_UNSUPPORTED: [3, 1],
  ETAG_MISMATCH: [3, 1],
  KEY_PROVIDER_DENIED: [4, 4],
  KEY_PROVIDER_FAILED: [4, 4],
  KEY_PROVIDER_NOT_CONFIGURED: [3, 1],
  KEY_PROVIDER_THROTTLED: [4, 4],
  KEY_PROVIDER_UNAVAILABLE: [4, 4],
  KEY_WEAK: [3, 1],
  MEK_DISABLED: [3, 1],
  MEK_NOT_VALID_NOW: [3, 1],
  MEK_STILL_NEEDED: [3, 1],
  MEK_UNSUPPORTED: [3, 1],
  MEK_UNUSABLE: [3, 1],
  MEK_VERSION_UNKNOWN: [3, 1],
  MIGRATION_SUPERSEDED: [3, 1],
  MIGRATION_UNDER_WAY: [3, 1],
  PLAINTEXT_REFUSED: [3, 1],
  PRODUCT_EMPTY: [3, 1],
  RECORD_KEY_UNKNOWN: [3, 1],
  RECOVERY_KEY_UNKNOWN: [3, 1],
  ROTATION_RECORD_BEHIND: [3, 1],
  ROTATION_RECORD_MISSING: [3, 1],
  ROTATION_SUPERSEDED: [3, 1],
  ROTATION_UNFINISHED: [3, 1],
  ROW_UNSUPPORTED: [3, 1],
  STORE_FAILED: [4, 4],
  STORE_UNAVAILABLE: [4, 4],
  TAMPERED: [3, 1],
  TOO_MANY_DEKS: [3, 1],
  TOO_MANY_FAILURES: [3, 1],
  WRAP_REJECTED: [3, 1],
};

/** Of errors that are none of the library. */
const OTHERS: readonly (readonly [string, unknown, number, number])[] = [
  ['a mistake of the operator', new UsageError('no'), 2, 2],
  ['a misuse that the library refuses', new TypeError('no'), 2, 1],
  ['a value out of range', new RangeError('no'), 2, 1],
  ['an error of a driver', new Error('no'), 1, 1],
  ['a value that is no error', 'no', 1, 1],
];

function failure(code: ErrorCode, cause?: unknown): FieldEncryptionError {
  return new FieldEncryptionError(code, 'no', { cause });
}

describe('the exit code of an error', () => {
  it.each(Object.entries(EXIT_CODES))('%s is %j before and after the begin', (code, codes) => {
    const error = failure(code as ErrorCode);
    expect([exitCodeOf(error, false), exitCodeOf(error, true)]).toEqual(codes);
  });

  it.each(OTHERS)('of %s', (_, error, before, after) => {
    expect([exitCodeOf(error, false), exitCodeOf(error, true)]).toEqual([before, after]);
  });

  it.each(['MEK_UNUSABLE', 'TOO_MANY_FAILURES'] as const)(
    '%s is that of the service that did not answer, where one is its cause',
    (code) => {
      for (const cause of ['KEY_PROVIDER_UNAVAILABLE', 'STORE_UNAVAILABLE'] as const) {
        expect(exitCodeOf(failure(code, failure(cause)), true)).toBe(4);
      }
      expect(exitCodeOf(failure(code, failure('TAMPERED')), true)).toBe(1);
    },
  );
});
