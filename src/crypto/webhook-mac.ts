/** The symmetric signature of Standard Webhooks: HMAC-SHA256, in base64. @module */
import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import { importSecret } from './key-schedule.js';

const PREFIX = 'whsec_';
const LEAST_BYTES = 24;
const MOST_BYTES = 64;

/** Returns the key of a text such as `whsec_…`; `undefined` where it is not 24 to 64 bytes in base64. */
export function importWebhookSecret(text: string): KeyObject | undefined {
  if (!text.startsWith(PREFIX)) return undefined;
  const bytes = decodeBase64(text.slice(PREFIX.length));
  if (!bytes || bytes.length < LEAST_BYTES || bytes.length > MOST_BYTES) return undefined;
  return importSecret(bytes);
}

export interface WebhookContent {
  readonly id: string;
  /** Seconds since the epoch. */
  readonly timestamp: number;
  readonly body: string | Uint8Array;
}

export function webhookMac(key: KeyObject, content: WebhookContent): string {
  return digestOf(key, content).toString('base64');
}

/** Compares in constant time, except for the check of the mac's form. */
export function isWebhookMac(key: KeyObject, content: WebhookContent, mac: string): boolean {
  const given = decodeBase64(mac);
  const expected = digestOf(key, content);
  return given?.length === expected.length && timingSafeEqual(given, expected);
}

function digestOf(key: KeyObject, { id, timestamp, body }: WebhookContent): Buffer {
  return createHmac('sha256', key)
    .update(`${id}.${String(timestamp)}.`)
    .update(body)
    .digest();
}

/** Node skips what is not base64; only encoding again detects it. */
function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}
