/** Authenticates DEK rows and rotation records: docs/format.md, "Record authentication". @module */
import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto';
import { decodeBase64url, encodeBase64url } from './base64url.js';
import { tuple } from './tuple.js';

/** @param text - The record without its mac, as canonical JSON. */
export function recordMac(key: KeyObject, text: string): string {
  return encodeBase64url(digestOf(key, text));
}

/** In constant time, but for the form of what is compared. */
export function isRecordMac(key: KeyObject, text: string, mac: string): boolean {
  const given = decodeBase64url(mac);
  const expected = digestOf(key, text);
  return given?.length === expected.length && timingSafeEqual(given, expected);
}

function digestOf(key: KeyObject, text: string): Buffer {
  return createHmac('sha256', key).update(tuple('field-encrypt/v1/record', text)).digest();
}
