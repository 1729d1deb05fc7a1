/** Signatures of Standard Webhooks, https://www.standardwebhooks.com. @module */
import type { KeyObject } from 'node:crypto';
import { systemClock, type Clock } from '../async/clock.js';
import {
  importWebhookSecret,
  isWebhookMac,
  webhookMac,
  type WebhookContent,
} from '../crypto/webhook-mac.js';
import {
  readOptions,
  requireBytesOrText,
  requireIntegerBetween,
  requireList,
  requireNumber,
  requireText,
} from '../guards/guards.js';
import { requireClock } from './required-clock.js';

/** What is signed: `id`, `timestamp` and `body`, joined by full stops. */
export interface SignWebhookOptions {
  /**
   * One or two, each `whsec_` and 24 to 64 bytes in base64. With two there are two signatures, so that a secret
   * can be replaced while receivers know the other one.
   */
  readonly secrets: readonly string[];
  /** The header `webhook-id`: visible ASCII without a full stop, at most 256 characters. */
  readonly id: string;
  /** The header `webhook-timestamp`: seconds since the epoch. */
  readonly timestamp: number;
  /** The bytes that are sent; a text as UTF-8. */
  readonly body: string | Uint8Array;
}

/** What was received. A header that is absent, or has a wrong form, is never genuine. */
export interface VerifyWebhookOptions {
  /** One or two, as the sender has them: one that matches is enough. */
  readonly secrets: readonly string[];
  readonly id: string | undefined;
  /** The header as it is, or seconds since the epoch. */
  readonly timestamp: number | string | undefined;
  /** The bytes that arrived, before they are parsed. */
  readonly body: string | Uint8Array;
  /** The header `webhook-signature`. */
  readonly signature: string | undefined;
  /**
   * How far `timestamp` may be from the clock, in either direction. 300 000 is usual for requests; `Infinity` is for
   * what is kept, such as a file.
   */
  readonly toleranceMs: number;
  /** @default systemClock */
  readonly clock?: Clock;
}

const MOST_SECRETS = 2;
/** Without a full stop: it separates what is signed. */
const ID = /^[\x21-\x2d\x2f-\x7e]{1,256}$/;
const SECONDS = /^(?:0|[1-9]\d{0,15})$/;
const VERSION = 'v1,';

/** @throws TypeError or RangeError for anything but one or two secrets; no message has one. */
export function readWebhookSecrets(secrets: readonly string[]): readonly KeyObject[] {
  requireList('secrets', secrets);
  requireIntegerBetween('secrets.length', secrets.length, 1, MOST_SECRETS);
  return secrets.map((secret, index) => {
    const name = `secrets[${String(index)}]`;
    requireText(name, secret);
    const key = importWebhookSecret(secret);
    if (key) return key;
    throw new TypeError(`"${name}" expected "whsec_" and 24 to 64 bytes in base64`);
  });
}

/** True for what can be a header, and is signed in one way. */
export function isWebhookId(id: unknown): id is string {
  return typeof id === 'string' && ID.test(id);
}

export function signatureOf(keys: readonly KeyObject[], content: WebhookContent): string {
  return keys.map((key) => `${VERSION}${webhookMac(key, content)}`).join(' ');
}

/**
 * Returns the header `webhook-signature`, by Standard Webhooks: `v1,<base64>` for each secret, with a space between
 * two. {@link HttpAuditSink} signs in this way.
 *
 * @throws TypeError or RangeError for invalid options.
 *
 * @example
 * ```ts
 * import { signWebhook } from '@bytelyst/field-encrypt/audit';
 *
 * const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`; // in production: random bytes
 * const signature = signWebhook({
 *   secrets: [secret],
 *   id: 'event-1',
 *   timestamp: 1_767_225_600,
 *   body: '{}',
 * });
 * console.log(signature.startsWith('v1,')); // true
 * ```
 */
export function signWebhook(options: SignWebhookOptions): string {
  const own = readOptions(options, ['secrets', 'id', 'timestamp', 'body']);
  const { secrets, id, timestamp, body } = own;
  const keys = readWebhookSecrets(secrets);
  requireText('id', id);
  if (!isWebhookId(id)) {
    throw new TypeError('"id" expected 1 to 256 visible ASCII characters without a full stop');
  }
  requireIntegerBetween('timestamp', timestamp, 0, Number.MAX_SAFE_INTEGER);
  requireBytesOrText('body', body);
  return signatureOf(keys, { id, timestamp, body });
}

/**
 * True where the body was signed with one of the secrets, and its time is near enough. Signatures are compared in
 * constant time. Reject a request where it is false; an event that arrives again has the same `id`.
 *
 * @throws TypeError or RangeError for invalid options; what was received never throws.
 *
 * @example
 * ```ts
 * import { signWebhook, verifyWebhook } from '@bytelyst/field-encrypt/audit';
 *
 * const secrets = [`whsec_${Buffer.alloc(32, 7).toString('base64')}`];
 * const received = { id: 'event-1', timestamp: Math.floor(Date.now() / 1000), body: '{}' };
 * const signature = signWebhook({ secrets, ...received });
 * console.log(verifyWebhook({ secrets, ...received, signature, toleranceMs: 300_000 })); // true
 * ```
 */
export function verifyWebhook(options: VerifyWebhookOptions): boolean {
  const {
    secrets,
    toleranceMs,
    clock = systemClock,
    ...received
  } = readOptions(options, [
    'secrets',
    'id',
    'timestamp',
    'body',
    'signature',
    'toleranceMs',
    'clock',
  ]);
  const keys = readWebhookSecrets(secrets);
  requireNumber('toleranceMs', toleranceMs, 'a number from 0 on', (number) => number >= 0);
  requireClock(clock);
  const { id, body, signature } = received;
  requireBytesOrText('body', body);
  const timestamp = secondsIn(received.timestamp);
  if (!isWebhookId(id) || timestamp === undefined || typeof signature !== 'string') return false;
  if (Math.abs(clock.wallMs() - timestamp * 1_000) > toleranceMs) return false;
  const macs = signature.split(' ').filter((each) => each.startsWith(VERSION));
  return macs.some((mac) =>
    keys.some((key) => isWebhookMac(key, { id, timestamp, body }, mac.slice(VERSION.length))),
  );
}

function secondsIn(timestamp: unknown): number | undefined {
  const text = typeof timestamp === 'number' ? String(timestamp) : timestamp;
  return typeof text === 'string' && SECONDS.test(text) ? Number(text) : undefined;
}
