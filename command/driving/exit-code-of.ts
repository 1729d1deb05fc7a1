/** Which exit code an error has. @module */
import { type ErrorCode, isFieldEncryptionError } from '@bytelyst/field-encrypt';
import { EXIT, type ExitCode } from '../command-line/exit-codes.js';
import { UsageError } from '../command-line/usage-error.js';

/** The service was not reached, or did not let this identity in. */
const UNREACHABLE: readonly ErrorCode[] = [
  'KEY_PROVIDER_DENIED',
  'KEY_PROVIDER_FAILED',
  'KEY_PROVIDER_THROTTLED',
  'KEY_PROVIDER_UNAVAILABLE',
  'STORE_FAILED',
  'STORE_UNAVAILABLE',
];

/** Errors whose cause is the failure that counts. */
const OF_THEIR_CAUSE: readonly ErrorCode[] = ['MEK_UNUSABLE', 'TOO_MANY_FAILURES'];

/** @param hasBegun - Whether something may have been written: before that, an error is a refusal. */
export function exitCodeOf(error: unknown, hasBegun: boolean): ExitCode {
  if (error instanceof UsageError) return EXIT.usage;
  if (isFieldEncryptionError(error)) {
    if (error.code === 'CONFIGURATION_INVALID') return EXIT.usage;
    if (isUnreachable(error)) return EXIT.unreachable;
    return hasBegun ? EXIT.failed : EXIT.findings;
  }
  const isMisuse = error instanceof TypeError || error instanceof RangeError;
  return isMisuse && !hasBegun ? EXIT.usage : EXIT.failed;
}

function isUnreachable(error: unknown): boolean {
  if (!isFieldEncryptionError(error)) return false;
  if (UNREACHABLE.includes(error.code)) return true;
  return OF_THEIR_CAUSE.includes(error.code) && isUnreachable(error.cause);
}
