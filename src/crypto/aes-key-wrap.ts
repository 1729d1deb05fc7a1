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

/** The key, or `undefined` when the wrap was not made by this wrapping key or was changed. */
export function aesUnwrapKey(wrappingKey: KeyObject, wrapped: Uint8Array): Buffer | undefined {
  // OpenSSL answers an empty input with an empty key and no error.
  if (wrapped.length !== WRAPPED_BYTES) return undefined;
  const decipher = createDecipheriv(ALGORITHM, wrappingKey, DEFAULT_IV);
  try {
    // All of it: `final` gives nothing more, and joining the two would leave a copy of the key behind.
    const key = decipher.update(wrapped);
    decipher.final();
    return key;
  } catch {
    return undefined;
  }
}
