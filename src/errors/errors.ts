/** Every failure that a caller may have to distinguish. @module */
import { isNativeError } from 'node:util/types';
import { readOptions } from '../guards/guards.js';
import type { RetirementReason } from './retirement-reason.js';

/** All copies and versions that a process has loaded share this symbol. */
const BRAND = Symbol.for('@bytelyst/field-encrypt/error');

/** The form of a code. Codes are published on diagnostics channels, so arbitrary text is not accepted. */
const CODE = /^[A-Z][A-Z0-9_]{1,63}$/;

interface Branded {
  readonly [BRAND]: string;
}

/** The result of `instanceof` for a branded class, and for a class that an application derives from it. */
function isInstanceOf({ prototype }: { readonly prototype: object }, value: unknown): boolean {
  // A derived class inherits this function, and must not match the errors of its base.
  if (!isOwnBrand(prototype))
    return Object.prototype.isPrototypeOf.call(prototype, value as object);
  if (!isBranded(value)) return false;
  const isBase = !(BRAND in (Object.getPrototypeOf(prototype) as object));
  return isBase || value[BRAND] === prototype[BRAND];
}

/**
 * An error from an adapter may hold anything: a branded value must also have the right form. A store that
 * forges the brand gains nothing, since it could throw the real class.
 */
function isBranded(value: unknown): value is Branded {
  if (!isNativeError(value)) return false;
  const { [BRAND]: name, code, retryable } = value as unknown as Record<PropertyKey, unknown>;
  if (typeof name !== 'string' || typeof retryable !== 'boolean') return false;
  return typeof code === 'string' && CODE.test(code);
}

function isOwnBrand(prototype: object): prototype is Branded {
  return Object.hasOwn(prototype, BRAND);
}

/** Failures of a {@link KeyProviderError}. */
export type KeyProviderErrorCode =
  | 'KEY_PROVIDER_DENIED'
  | 'KEY_PROVIDER_FAILED'
  | 'KEY_PROVIDER_THROTTLED'
  | 'KEY_PROVIDER_UNAVAILABLE'
  | 'MEK_DISABLED'
  | 'MEK_NOT_VALID_NOW'
  | 'MEK_UNSUPPORTED'
  | 'MEK_VERSION_UNKNOWN'
  | 'WRAP_REJECTED';

/** Failures of a {@link StoreError}. */
export type StoreErrorCode =
  'ALREADY_EXISTS' | 'ETAG_MISMATCH' | 'STORE_FAILED' | 'STORE_UNAVAILABLE';

/** Failures that need no subclass. */
export type PlainErrorCode =
  | 'ABANDON_REFUSED'
  | 'ADAPTER_CONTRACT'
  | 'AUDIT_FAILED'
  | 'AUDIT_FULL'
  | 'BACKFILL_UNFINISHED'
  | 'CIPHER_STALE'
  | 'CONTENDED'
  | 'DEFINITION_MISMATCH'
  | 'DEK_NOT_FOUND'
  | 'DEK_SHREDDED'
  | 'DEK_UNRECOVERABLE'
  | 'DOCUMENT_MOVED'
  | 'ENVELOPE_REFUSED'
  | 'ENVELOPE_UNSUPPORTED'
  | 'KEY_PROVIDER_NOT_CONFIGURED'
  | 'KEY_WEAK'
  | 'MEK_UNUSABLE'
  | 'MIGRATION_SUPERSEDED'
  | 'MIGRATION_UNDER_WAY'
  | 'PLAINTEXT_REFUSED'
  | 'PRODUCT_EMPTY'
  | 'RECORD_KEY_UNKNOWN'
  | 'RECOVERY_KEY_UNKNOWN'
  | 'ROTATION_RECORD_BEHIND'
  | 'ROTATION_RECORD_MISSING'
  | 'ROTATION_SUPERSEDED'
  | 'ROTATION_UNFINISHED'
  | 'ROW_UNSUPPORTED'
  | 'TOO_MANY_DEKS'
  | 'TOO_MANY_FAILURES';

export type ErrorCode =
  | 'CONFIGURATION_INVALID'
  | 'MEK_STILL_NEEDED'
  | 'TAMPERED'
  | KeyProviderErrorCode
  | PlainErrorCode
  | StoreErrorCode;

/** What an error may carry besides its message. */
export interface ErrorDetails {
  readonly cause?: unknown;
  /** True where the same call may succeed later without any change. */
  readonly retryable?: boolean;
  readonly dekId?: string | undefined;
  readonly path?: string | undefined;
}

const DETAILS: readonly (keyof ErrorDetails)[] = ['cause', 'retryable', 'dekId', 'path'];

/**
 * The base of all errors of this library.
 *
 * `code` is stable: switch on it, never on the message. Messages and properties name places
 * (dekId, path, version), never plaintext, key bytes or ciphertext. Misuse of a function is a
 * `TypeError` or `RangeError` instead; an aborted call rejects with `signal.reason`.
 *
 * `instanceof` also recognises errors of another copy of this package in the same process. Another version
 * may have a `code` that this one does not list: give a `switch` a `default`.
 */
export class FieldEncryptionError<Code extends ErrorCode = ErrorCode> extends Error {
  override readonly name: string = 'FieldEncryptionError';
  readonly code: Code;
  readonly retryable: boolean;
  declare readonly dekId?: string;
  declare readonly path?: string;

  static override [Symbol.hasInstance](value: unknown): boolean {
    return isInstanceOf(this, value);
  }

  /** @throws RangeError for an unknown detail: a misspelt one would be lost. */
  constructor(code: Code, message: string, details: ErrorDetails = {}) {
    const own = readOptions(details, DETAILS, 'details');
    super(message, 'cause' in own ? { cause: own.cause } : undefined);
    this.code = code;
    this.retryable = own.retryable ?? false;
    if (own.dekId !== undefined) this.dekId = own.dekId;
    if (own.path !== undefined) this.path = own.path;
  }
}

/**
 * Stored data is not what this library wrote: an envelope was changed, truncated or moved, or a row was
 * altered. Raise an alarm and restore the data; a retry fails in the same way.
 */
export class TamperedError extends FieldEncryptionError<'TAMPERED'> {
  override readonly name: string = 'TamperedError';

  constructor(message: string, details: ErrorDetails = {}) {
    super('TAMPERED', message, details);
  }
}

/** A key provider failed to wrap or unwrap. Retry when `retryable`, after `retryAfterMs` where it is set. */
export class KeyProviderError extends FieldEncryptionError<KeyProviderErrorCode> {
  override readonly name: string = 'KeyProviderError';
  declare readonly retryAfterMs?: number;

  constructor(
    code: KeyProviderErrorCode,
    message: string,
    details: ErrorDetails & { readonly retryAfterMs?: number } = {},
  ) {
    const known = [...DETAILS, 'retryAfterMs'];
    const { retryAfterMs, ...others } = readOptions(details, known, 'details');
    super(code, message, others);
    if (retryAfterMs !== undefined) this.retryAfterMs = retryAfterMs;
  }
}

/**
 * A store operation failed. `ALREADY_EXISTS` and `ETAG_MISMATCH` are lost races: read again and decide again.
 * `STORE_UNAVAILABLE` may be retried; `STORE_FAILED` has to be examined.
 */
export class StoreError extends FieldEncryptionError<StoreErrorCode> {
  override readonly name: string = 'StoreError';

  constructor(code: StoreErrorCode, message: string, details: ErrorDetails = {}) {
    const own = readOptions(details, DETAILS, 'details');
    super(code, message, { retryable: code === 'STORE_UNAVAILABLE', ...own });
  }
}

/** One problem with the environment. */
export interface ConfigurationProblem {
  readonly variable: string;
  readonly problem: string;
}

/** The environment does not configure the library; `problems` lists every problem with it. */
export class ConfigurationError extends FieldEncryptionError<'CONFIGURATION_INVALID'> {
  override readonly name: string = 'ConfigurationError';
  readonly problems: readonly ConfigurationProblem[];

  constructor(problems: readonly ConfigurationProblem[], details: ErrorDetails = {}) {
    const lines = problems.map(({ variable, problem }) => `\n- ${variable} ${problem}`);
    super('CONFIGURATION_INVALID', `Encryption is not configured:${lines.join('')}`, details);
    this.problems = problems;
  }
}

/** A MEK version is needed, or may be; `reasons` lists everything that was found. */
export class MekStillNeededError extends FieldEncryptionError<'MEK_STILL_NEEDED'> {
  override readonly name: string = 'MekStillNeededError';
  readonly reasons: readonly RetirementReason[];

  constructor(mek: string, reasons: readonly RetirementReason[], details: ErrorDetails = {}) {
    const lines = reasons.map(({ message }) => `\n- ${message}`);
    super('MEK_STILL_NEEDED', `${mek} cannot be retired yet:${lines.join('')}`, details);
    this.reasons = reasons;
  }
}

const CLASSES = {
  FieldEncryptionError,
  TamperedError,
  KeyProviderError,
  StoreError,
  ConfigurationError,
  MekStillNeededError,
};
// The brand is the name of the class in every version, also where a bundler renames the class.
for (const [name, { prototype }] of Object.entries(CLASSES)) {
  Object.defineProperty(prototype, BRAND, { value: name });
}

/** Pairs each class with its codes, so that a `switch` on `code` narrows. */
export type AnyFieldEncryptionError =
  | ConfigurationError
  | FieldEncryptionError<PlainErrorCode>
  | KeyProviderError
  | MekStillNeededError
  | StoreError
  | TamperedError;

/**
 * True for any error of this library, from any copy or version; narrows to the union of codes for a `switch`.
 * Another version may have a code that is not in it: add a `default`.
 */
export function isFieldEncryptionError(error: unknown): error is AnyFieldEncryptionError {
  return error instanceof FieldEncryptionError;
}

export function hasCode(error: unknown, ...codes: readonly ErrorCode[]): boolean {
  return isFieldEncryptionError(error) && codes.includes(error.code);
}

/** An adapter's answer that its interface rules out. @param adapter - `DEK store`, or a provider. */
export function brokenContract(
  adapter: string,
  rule: string,
  what: string,
  cause?: unknown,
): FieldEncryptionError {
  return new FieldEncryptionError(
    'ADAPTER_CONTRACT',
    `The ${adapter} broke rule ${rule}: ${what}; fix the adapter`,
    cause === undefined ? {} : { cause },
  );
}

/** The call lost every race against other processes: nothing is wrong, and a later call may succeed. */
export function contended(what: string, attempts: number): FieldEncryptionError {
  return new FieldEncryptionError(
    'CONTENDED',
    `${what} did not succeed in ${String(attempts)} attempts: other processes were faster; try again`,
    { retryable: true },
  );
}
