/** Extracts from the SDK's errors what is safe to read and print. @module */
import { TokenFailure } from './bounded-credential.js';

/** Why the vault did not answer. */
export type SilenceKind =
  | 'certificate'
  | 'challenge'
  | 'credential'
  | 'garbled'
  | 'host-unknown'
  | 'identity-down'
  | 'other'
  | 'timeout'
  | 'unreachable';

export interface VaultAnswer {
  /** `undefined` where the vault gave no usable answer. */
  readonly status: number | undefined;
  /** Of the vault, or of the connection to it. */
  readonly errorCode: string | undefined;
  readonly innerCode: string | undefined;
  readonly kind: SilenceKind;
  readonly retryAfterMs: number | undefined;
  /** Whether the vault's own message contains these words. */
  readonly says: (words: string) => boolean;
}

/** The shape of `RestError` and of errors of `@azure/identity`; every property may be missing. */
interface SdkError {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly code?: unknown;
  readonly statusCode?: unknown;
  readonly details?: {
    readonly error?: {
      readonly message?: unknown;
      readonly innerError?: { readonly code?: unknown };
    };
  };
  readonly response?: VaultResponse;
}

/** The parts of the response that are read. */
export interface VaultResponse {
  readonly status?: number;
  readonly headers?: { get?(name: string): string | undefined };
}

const CREDENTIAL_ERRORS: readonly unknown[] = [
  'AggregateAuthenticationError',
  'AuthenticationError',
  'AuthenticationRequiredError',
  'CredentialUnavailableError',
];
// It has no status. For a failure that MSAL has cached, only the numbers of its code remain.
const IDENTITY_OUTAGE =
  /\b(endpoints_resolution_error|network_error|no_network_connectivity|openid_config_error|server_error|temporarily_unavailable|timed out)\b|(^|AuthenticationRequiredError: )[\d ]*: /;
const TIMEOUTS: readonly unknown[] = ['AbortError', 'TimeoutError'];
const CERTIFICATE_CODE = /CERT|SELF_SIGNED|UNABLE_TO_|TLS|SSL/;
const NETWORK_CODE = /^E[A-Z_]+$|^REQUEST_SEND_ERROR$/;
const HTTP_DATE = /^[A-Z][a-z]+, .* GMT$/;
const MOST_QUOTED = 1_000;

/** @param arrived - The response; the SDK's own error omits it where it has no body. */
export function answerIn(error: unknown, arrived?: VaultResponse): VaultAnswer {
  const sdkError = withStatus(error ?? {}, arrived);
  const { code, statusCode, details } = sdkError;
  const kind = silenceKindOf(sdkError);
  const hasAnswer = typeof statusCode === 'number' && kind === 'other';
  const message = textOf(details?.error?.message) ?? '';
  return {
    status: hasAnswer ? statusCode : undefined,
    errorCode: textOf(code),
    innerCode: textOf(details?.error?.innerError?.code),
    kind,
    retryAfterMs: retryAfterIn(sdkError.response ?? arrived),
    says: (words) => message.toLowerCase().includes(words),
  };
}

function withStatus(error: SdkError, { status }: VaultResponse = {}): SdkError {
  if (typeof error.statusCode === 'number' || status === undefined) return error;
  // The SDK cannot parse the answer, although it arrived whole.
  if (status < 300) return { name: error.name, code: 'PARSE_ERROR' };
  return { name: error.name, statusCode: status };
}

function silenceKindOf(error: SdkError): SilenceKind {
  const { name, message, code, statusCode } = error;
  if (error instanceof TokenFailure) return tokenFailureKind(error.cause ?? {});
  if (TIMEOUTS.includes(name)) return 'timeout';
  if (code === 'PARSE_ERROR') return 'garbled';
  if (typeof statusCode === 'number') return 'other';
  if (textOf(message)?.startsWith('The challenge ') === true) return 'challenge';
  return transportKind(textOf(code) ?? '');
}

/** An outage of the identity platform is not a fault of the credential. */
function tokenFailureKind({ name, message, code, statusCode }: SdkError): SilenceKind {
  const status = typeof statusCode === 'number' ? statusCode : 0;
  const isDown =
    TIMEOUTS.includes(name) ||
    NETWORK_CODE.test(textOf(code) ?? '') ||
    status === 429 ||
    status >= 500 ||
    (CREDENTIAL_ERRORS.includes(name) && IDENTITY_OUTAGE.test(textOf(message) ?? ''));
  return isDown ? 'identity-down' : 'credential';
}

function transportKind(code: string): SilenceKind {
  if (code === 'ENOTFOUND') return 'host-unknown';
  if (CERTIFICATE_CODE.test(code)) return 'certificate';
  return NETWORK_CODE.test(code) ? 'unreachable' : 'other';
}

function retryAfterIn(response: VaultResponse | undefined): number | undefined {
  const header = (name: string): string | undefined => response?.headers?.get?.(name);
  const ms = header('retry-after-ms') ?? header('x-ms-retry-after-ms');
  if (ms !== undefined) return millisecondsIn(ms, 1);
  const after = header('retry-after');
  if (after === undefined) return undefined;
  return millisecondsIn(after, 1_000) ?? untilDate(after, header('date'));
}

function millisecondsIn(text: string, unitMs: number): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) * unitMs : undefined;
}

/** Measured by the vault's own clock, so that the local one may be wrong. */
function untilDate(after: string, now: string | undefined): number | undefined {
  // `Date` accepts many texts that are not HTTP dates.
  if (!HTTP_DATE.test(after)) return undefined;
  const ms = Date.parse(after) - Date.parse(now ?? '');
  return Number.isNaN(ms) ? undefined : Math.max(ms, 0);
}

/**
 * Returns what may be kept of the SDK's error. The error itself holds the request with token and DEK, and
 * sometimes the answer with the DEK in its message.
 */
export function cleanCause(error: unknown, answer: VaultAnswer): Error {
  const { name, details, message } = blamed(error);
  const { status, errorCode, innerCode, kind } = answer;
  const codes = [status, errorCode, innerCode].filter((part) => part !== undefined).join(' ');
  const quoted = CREDENTIAL_ERRORS.includes(name) ? message : details?.error?.message;
  const said = kind === 'garbled' ? '' : (textOf(quoted) ?? '');
  const text = [codes, said].filter((part) => part !== '').join(': ');
  const cause = new Error(redacted(text) || kind);
  cause.name = textOf(name) ?? 'Error';
  return cause;
}

function blamed(error: unknown): SdkError {
  return (error instanceof TokenFailure ? error.cause : error) ?? {};
}

/** Removes anything long enough to be a key or token. */
function redacted(text: string): string {
  return text.replace(/[A-Za-z0-9+/_=.~%-]{40,}/g, '…').slice(0, MOST_QUOTED);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
