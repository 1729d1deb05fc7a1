/** Encodes a field's value as the bytes that are sealed: one type byte, then the payload. @module */
import { isUint8Array } from 'node:util/types';
import { type Plaintext, utf8From } from '../crypto/aead.js';
import { jsonTextOf } from './json-value.js';
import { requireSealableLength } from './value-length.js';

const STRING = 0x01;
const JSON_TEXT = 0x02;
const BYTES = 0x03;

/**
 * @throws TypeError naming the path where the value cannot be stored without loss, RangeError where it is
 * too long; FieldEncryptionError `ENVELOPE_REFUSED`.
 */
export function encodeFieldValue(value: unknown, path: string): Plaintext {
  if (typeof value === 'string') {
    requireSealableLength(value, path);
    // UTF-8 cannot represent half of a surrogate pair; JSON text has an escape for it.
    if (value.isWellFormed()) return { marker: STRING, payload: value };
  }
  if (isUint8Array(value)) {
    requireSealableLength(value, path);
    // A copy: the caller may change the bytes while the key is being loaded.
    return { marker: BYTES, payload: new Uint8Array(value) };
  }
  const payload = jsonTextOf(value, path);
  requireSealableLength(payload, path);
  return { marker: JSON_TEXT, payload };
}

/** The result of {@link decodeFieldValue} for a payload that this version does not know. */
export const UNKNOWN_VALUE: unique symbol = Symbol('unknown value');

export function decodeFieldValue(plaintext: Buffer): unknown {
  switch (plaintext[0]) {
    case STRING:
      return utf8From(plaintext, 1);
    case JSON_TEXT:
      return parseJson(utf8From(plaintext, 1));
    case BYTES:
      return new Uint8Array(plaintext.subarray(1));
    default:
      return UNKNOWN_VALUE;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The parser's own message would quote the plaintext.
    return UNKNOWN_VALUE;
  }
}
