/** AES-256 key wrap of one 32-byte key: RFC 3394 (NIST SP 800-38F KW). @module */
import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';

const ALGORITHM = 'id-aes256-wrap';
const DEFAULT_IV = Buffer.alloc(8, 0xa6);
const KEY_BYTES = 32;
const WRAPPED_BYTES = KEY_BYTES + 8;

export function aesWrapKey(wrappingKey: KeyObject, key: Uint8Array): Buffer {
  if (key.length !== KEY_BYTES) {
    throw new RangeError(`"key" expected 32 bytes, got ${String(key.length)}`);
  }
  const cipher = createCipheriv(ALGORITHM, wrappingKey, DEFAULT_IV);
  const wrapped = cipher.update(key);
  cipher.final();
  return wrapped;
}

/** Returns the key, or `undefined` when this wrapping key did not make the wrap, or the wrap was changed. */
export function aesUnwrapKey(wrappingKey: KeyObject, wrapped: Uint8Array): Buffer | undefined {
  // OpenSSL returns an empty key, and no error, for an empty input.
  if (wrapped.length !== WRAPPED_BYTES) return undefined;
  const decipher = createDecipheriv(ALGORITHM, wrappingKey, DEFAULT_IV);
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
