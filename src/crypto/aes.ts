/** AES-256-GCM with random 96-bit nonces and 128-bit tags, NIST SP 800-38D; AES key wrap, RFC 3394. @module */
import { constants } from 'node:buffer';
import {
  createCipheriv,
  createDecipheriv,
  randomBytes,
  randomFillSync,
  type KeyObject,
} from 'node:crypto';
import { startupSnapshot } from 'node:v8';

const kept: object[] = [];

/**
 * Keeps an object of each class that the hot path creates. V8 throws compiled code away when a full garbage
 * collection finds no object of a hidden class that the code was compiled for, and between two documents there
 * is none: after each full collection, hundreds of documents would take twice as long.
 */
export function keepHiddenClasses(...objects: readonly object[]): void {
  kept.push(...objects);
}

/** The methods behind `toString` and `write`: in every Node so far, but undocumented. */
interface TextMethods {
  base64urlSlice(from: number, to: number): string;
  utf8Slice(from: number, to: number): string;
  base64urlWrite(text: string, at: number): number;
}

// Checked once: in a Node without these methods the library is slower, not broken.
const hasTextMethods = ['base64urlSlice', 'utf8Slice', 'base64urlWrite'].every(
  (name) => name in Buffer.prototype,
);

function textMethodsOf(bytes: Buffer): TextMethods {
  return bytes as unknown as TextMethods;
}

const base64urlOf: (bytes: Buffer, to: number) => string = hasTextMethods
  ? (bytes, to) => textMethodsOf(bytes).base64urlSlice(0, to)
  : (bytes, to) => bytes.toString('base64url', 0, to);

export const utf8From: (bytes: Buffer, from: number) => string = hasTextMethods
  ? (bytes, from) => textMethodsOf(bytes).utf8Slice(from, bytes.length)
  : (bytes, from) => bytes.toString('utf8', from);

const writeBase64url: (bytes: Buffer, text: string) => number = hasTextMethods
  ? (bytes, text) => textMethodsOf(bytes).base64urlWrite(text, 0)
  : (bytes, text) => bytes.write(text, 'base64url');

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
const OVERHEAD = NONCE_BYTES + TAG_BYTES;
/** The fewest bytes of a sealed value: nonce, one type byte, tag. */
export const LEAST_SEALED_BYTES: number = OVERHEAD + 1;

/** The longest payload in bytes: the text of a longer one would exceed the longest string of the runtime. */
export const MOST_PAYLOAD_BYTES: number =
  Math.floor((constants.MAX_STRING_LENGTH * 3) / 4) - LEAST_SEALED_BYTES;

/** Characters of base64url whose last 4 bits are zero, and whose last 2 bits are: RFC 4648 §3.5. */
const LAST_CHARACTERS = ['AQgw', 'AEIMQUYcgkosw048'] as const;

const TAG_LENGTH = { authTagLength: TAG_BYTES } as const;

// One call to the random generator costs more than the cipher, so nonces are drawn in batches.
const POOL = 340;
const pool = Buffer.allocUnsafeSlow(NONCE_BYTES * POOL);
const nonces = Array.from({ length: POOL }, (_each, index) =>
  viewOf(pool, NONCE_BYTES * index, NONCE_BYTES),
);
let used = POOL;

if (startupSnapshot.isBuildingSnapshot()) {
  // Every process that starts from a snapshot would reuse the nonces that were drawn while it was built.
  startupSnapshot.addDeserializeCallback(dropNonces);
} else {
  // A snapshot cannot contain these: a process that starts from one is slower, not broken.
  keepHiddenClasses(...usedCiphers());
}

// Node is fast here when each call allocates few buffers. No data of a call stays in them.
const SCRATCH_BYTES = 64 * 1024;
const KEPT_VIEWS = 2048;
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
const scratchNonce = viewOf(scratch, 0, NONCE_BYTES);
const plain = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
const scratchCiphertext = keptViews((length) => viewOf(scratch, NONCE_BYTES, length));
const scratchTag = keptViews((at) => viewOf(scratch, at, TAG_BYTES));
const plainBytes = keptViews((length) => viewOf(plain, 0, length));
/** The most UTF-8 bytes for one UTF-16 code unit. */
export const MOST_UTF8_BYTES = 3;

/** What is sealed: a type byte, then UTF-8 text or bytes. */
export interface Plaintext {
  readonly marker: number;
  readonly payload: string | Uint8Array;
}

/** Seals under a fresh nonce, and returns nonce ‖ ciphertext ‖ tag as base64url. */
export function sealToText(key: KeyObject, plaintext: Plaintext, aad: Uint8Array): string {
  const nonce = freshNonce();
  const cipher = createCipheriv(ALGORITHM, key, nonce, TAG_LENGTH);
  cipher.setAAD(aad);
  const bytes = bytesOf(plaintext);
  const ciphertext = cipher.update(bytes);
  cipher.final();
  bytes.fill(0);
  const length = ciphertext.length + OVERHEAD;
  const out = length <= SCRATCH_BYTES ? scratch : Buffer.allocUnsafeSlow(length);
  out.set(nonce, 0);
  out.set(ciphertext, NONCE_BYTES);
  out.set(cipher.getAuthTag(), length - TAG_BYTES);
  return base64urlOf(out, length);
}

/**
 * Opens what {@link sealToText} wrote. Returns `undefined` when the text is not canonical base64url, is too
 * short, or fails authentication: no plaintext is returned before the tag was checked.
 */
export function openText(key: KeyObject, sealed: string, aad: Uint8Array): Buffer | undefined {
  const most = (sealed.length * 3) >> 2;
  const bytes = most <= SCRATCH_BYTES ? scratch : Buffer.allocUnsafeSlow(most);
  const length = writeBase64url(bytes, sealed);
  return isCanonical(sealed, length) ? openBytes(key, bytes, aad, length) : undefined;
}

/**
 * Whether text is the one form in which its bytes are written. Node's decoder ignores characters that are not
 * base64, so that fewer bytes result. But it also accepts `+` and `/`, reads a character above 255 as its low
 * byte, and accepts any value for the bits after the last byte. Encoding the bytes again would tell, at the
 * cost of one more text for each field.
 */
function isCanonical(text: string, decodedBytes: number): boolean {
  const rest = text.length % 4;
  if (decodedBytes !== (text.length * 3) >> 2) return false;
  if (text.includes('+') || text.includes('/')) return false;
  // With one character left over there is no byte for it, and no character is right.
  if (rest > 0 && !LAST_CHARACTERS[rest - 2]?.includes(text.at(-1) ?? '')) return false;
  return Buffer.byteLength(text) === text.length;
}

/** @param length - How many bytes of `sealed` count. */
export function openBytes(
  key: KeyObject,
  sealed: Uint8Array,
  aad: Uint8Array,
  length: number = sealed.length,
): Buffer | undefined {
  if (length < LEAST_SEALED_BYTES) return undefined;
  const isScratch = sealed === scratch;
  const nonce = isScratch ? scratchNonce : viewOf(sealed, 0, NONCE_BYTES);
  const tagAt = length - TAG_BYTES;
  const tag = isScratch ? scratchTag(tagAt) : viewOf(sealed, tagAt, TAG_BYTES);
  const bytes = length - OVERHEAD;
  const ciphertext = isScratch ? scratchCiphertext(bytes) : viewOf(sealed, NONCE_BYTES, bytes);
  const decipher = createDecipheriv(ALGORITHM, key, nonce, TAG_LENGTH);
  decipher.setAAD(aad);
  decipher.setAuthTag(tag);
  const plaintext = decipher.update(ciphertext);
  try {
    decipher.final();
  } catch {
    plaintext.fill(0);
    return undefined;
  }
  return plaintext;
}

/** Ciphers and what they return, one of each class. */
function usedCiphers(): object[] {
  const key = randomBytes(KEY_BYTES);
  const nonce = randomBytes(NONCE_BYTES);
  const bytes = randomBytes(TAG_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, nonce, TAG_LENGTH);
  const decipher = createDecipheriv(ALGORITHM, key, nonce, TAG_LENGTH);
  for (const each of [cipher, decipher]) each.setAAD(bytes);
  decipher.setAuthTag(bytes);
  return [cipher, decipher, cipher.update(bytes), decipher.update(bytes), cipher.final()];
}

function freshNonce(): Uint8Array {
  if (used === POOL) {
    randomFillSync(pool);
    used = 0;
  }
  return nonces[used++] as Uint8Array;
}

function dropNonces(): void {
  pool.fill(0);
  used = POOL;
}

function bytesOf({ marker, payload }: Plaintext): Uint8Array {
  const fits = payload.length * MOST_UTF8_BYTES < SCRATCH_BYTES;
  const out = fits ? plain : Buffer.allocUnsafeSlow(1 + Buffer.byteLength(payload));
  out[0] = marker;
  let length = 1;
  if (typeof payload === 'string') length += out.write(payload, 1, 'utf8');
  else {
    out.set(payload, 1);
    length += payload.length;
  }
  return fits ? plainBytes(length) : viewOf(out, 0, length);
}

/**
 * Makes each view of a scratch buffer once, up to the first 2 KB: making one for each call takes time, and
 * collecting it takes time again.
 *
 * @param make - Returns the view of this length, or at this offset.
 */
export function keptViews(make: (at: number) => Uint8Array): (at: number) => Uint8Array {
  const kept = new Array<Uint8Array | undefined>(KEPT_VIEWS);
  return (at) => (at < KEPT_VIEWS ? (kept[at] ??= make(at)) : make(at));
}

/** A view of part of a buffer; several times as fast to create as a `subarray`. */
export function viewOf(
  { buffer, byteOffset }: Uint8Array,
  from: number,
  length: number,
): Uint8Array {
  return new Uint8Array(buffer, byteOffset + from, length);
}

const KEY_WRAP = 'id-aes256-wrap';
const DEFAULT_IV = Buffer.alloc(8, 0xa6);
const WRAPPED_BYTES = KEY_BYTES + 8;

export function aesWrapKey(wrappingKey: KeyObject, key: Uint8Array): Buffer {
  if (key.length !== KEY_BYTES) {
    throw new RangeError(`"key" expected 32 bytes, got ${String(key.length)}`);
  }
  const cipher = createCipheriv(KEY_WRAP, wrappingKey, DEFAULT_IV);
  const wrapped = cipher.update(key);
  cipher.final();
  return wrapped;
}

/** Returns the key, or `undefined` when this wrapping key did not make the wrap, or the wrap was changed. */
export function aesUnwrapKey(wrappingKey: KeyObject, wrapped: Uint8Array): Buffer | undefined {
  // OpenSSL returns an empty key, and no error, for an empty input.
  if (wrapped.length !== WRAPPED_BYTES) return undefined;
  const decipher = createDecipheriv(KEY_WRAP, wrappingKey, DEFAULT_IV);
  try {
    // This is the whole key: `final` returns no more bytes, and joining the two would leave a copy of the key
    // in memory.
    const key = decipher.update(wrapped);
    decipher.final();
    return key;
  } catch {
    return undefined;
  }
}
