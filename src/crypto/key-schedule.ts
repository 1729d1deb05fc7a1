/** Derives keys from a DEK, a MEK or a record key, and makes macs: docs/format.md. HKDF-SHA256, RFC 5869. @module */
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';

export function encodeBase64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url');
}

/** Returns the bytes, or `undefined` for any text that {@link encodeBase64url} would not have written. */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  // Node skips junk, truncates wide characters and ignores trailing bits; only encoding again detects it.
  return bytes.toString('base64url') === text ? bytes : undefined;
}

const LENGTH_BYTES = 4;

/** Encodes each part as its 4-byte big-endian byte length and its bytes; strings as UTF-8. */
export function tuple(...parts: readonly (string | Uint8Array)[]): Buffer {
  let length = 0;
  for (const part of parts) length += LENGTH_BYTES + Buffer.byteLength(part);
  const out = Buffer.allocUnsafe(length);
  let at = 0;
  for (const part of parts) at = writePrefixed(out, part, at);
  return out;
}

export function lengthPrefixed(part: string | Uint8Array): Buffer {
  return tuple(part);
}

/** Returns where the next part begins. */
function writePrefixed(out: Buffer, part: string | Uint8Array, at: number): number {
  const start = at + LENGTH_BYTES;
  let { length } = part;
  if (typeof part === 'string') length = out.write(part, start);
  else out.set(part, start);
  out.writeUInt32BE(length, at);
  return start + length;
}

const EMPTY_SALT = Buffer.alloc(32);
const FIRST_BLOCK = Uint8Array.of(1);

/**
 * HKDF-SHA256 with an empty salt and 32 bytes of output: RFC 5869, for which one block of output is enough.
 *
 * `hkdfSync` is not used: it takes at most 1024 bytes of info, and a context may be longer.
 */
export function hkdf(key: KeyObject | Uint8Array, info: Uint8Array): Buffer {
  const secret = key instanceof Uint8Array ? Uint8Array.from(key) : key.export();
  const extracted = createHmac('sha256', EMPTY_SALT).update(secret).digest();
  const output = createHmac('sha256', extracted).update(info).update(FIRST_BLOCK).digest();
  secret.fill(0);
  extracted.fill(0);
  return output;
}

/** The document that a field key belongs to. */
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

/** The first 16 hex digits of a digest that identifies a MEK of the env provider without revealing it. */
export function deriveMekId(mek: KeyObject): string {
  return hkdf(mek, tuple('field-encrypt/v1/mek-id')).toString('hex').slice(0, 16);
}

/** 16 hex digits that identify a record key without revealing it. */
export function deriveRecordKeyId(recordKey: KeyObject): string {
  return hkdf(recordKey, tuple('field-encrypt/v1/record-key-id')).toString('hex').slice(0, 16);
}

/** Imports key bytes and zeroes them: the `KeyObject` keeps its own copy and never prints it. */
export function importSecret(bytes: Uint8Array): KeyObject {
  const key = createSecretKey(bytes);
  bytes.fill(0);
  return key;
}

/** @param text - The record without its mac, as canonical JSON. */
export function recordMac(key: KeyObject, text: string): string {
  return encodeBase64url(digestOf(key, text));
}

/** Compares in constant time, except for the check of the mac's form. */
export function isRecordMac(key: KeyObject, text: string, mac: string): boolean {
  const given = decodeBase64url(mac);
  const expected = digestOf(key, text);
  return given?.length === expected.length && timingSafeEqual(given, expected);
}

function digestOf(key: KeyObject, text: string): Buffer {
  return createHmac('sha256', key).update(tuple('field-encrypt/v1/record', text)).digest();
}
