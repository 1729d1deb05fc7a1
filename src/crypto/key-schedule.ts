/** What is derived from a DEK, a MEK or a record key, and the mac of a record: docs/format.md. HKDF-SHA256, RFC 5869. @module */
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { encodeBase64url, tuple, decodeBase64url } from './encoding.js';

const EMPTY_SALT = Buffer.alloc(32);
const FIRST_BLOCK = Uint8Array.of(1);

/**
 * HKDF-SHA256 with an empty salt, 32 bytes out: RFC 5869, where one block of output is enough.
 *
 * Not by `hkdfSync`, which takes at most 1024 bytes of info: a context may be longer.
 */
export function hkdf(key: KeyObject | Uint8Array, info: Uint8Array): Buffer {
  const secret = key instanceof Uint8Array ? Uint8Array.from(key) : key.export();
  const extracted = createHmac('sha256', EMPTY_SALT).update(secret).digest();
  const output = createHmac('sha256', extracted).update(info).update(FIRST_BLOCK).digest();
  secret.fill(0);
  extracted.fill(0);
  return output;
}

/** The document a field key is for. */
export interface FieldKeyContext {
  readonly product: string;
  readonly dekId: string;
  readonly collection: string;
  readonly keyParts: readonly string[];
}

export function deriveFieldKey(dek: KeyObject, context: FieldKeyContext): KeyObject {
  const { product, dekId, collection, keyParts } = context;
  const bytes = hkdf(
    dek,
    tuple('field-encrypt/v1/field-key', product, dekId, collection, tuple(...keyParts)),
  );
  return importSecret(bytes);
}

export function deriveCommitment(
  dek: KeyObject | Uint8Array,
  product: string,
  dekId: string,
): string {
  return encodeBase64url(hkdf(dek, tuple('field-encrypt/v1/commitment', product, dekId)));
}

/** First 16 hex digits that name a MEK of the env provider without giving it away. */
export function deriveMekId(mek: KeyObject): string {
  return hkdf(mek, tuple('field-encrypt/v1/mek-id')).toString('hex').slice(0, 16);
}

/** 16 hex digits that name a record key without giving it away. */
export function deriveRecordKeyId(recordKey: KeyObject): string {
  return hkdf(recordKey, tuple('field-encrypt/v1/record-key-id')).toString('hex').slice(0, 16);
}

/** Imports key bytes and wipes them: the `KeyObject` keeps its own copy and prints nothing. */
export function importSecret(bytes: Uint8Array): KeyObject {
  const key = createSecretKey(bytes);
  bytes.fill(0);
  return key;
}

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
