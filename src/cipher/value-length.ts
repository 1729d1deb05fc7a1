/** The longest value: its envelope holds it as one string. @module */
import { constants } from 'node:buffer';
import { MOST_PAYLOAD_BYTES, MOST_UTF8_BYTES } from '../crypto/aead.js';

/** @throws RangeError naming the path where the envelope could not be written. */
export function requireSealableLength(
  payload: string | Uint8Array,
  path: string,
  mostBytes: number = MOST_PAYLOAD_BYTES,
): void {
  const { length } = payload;
  if (length * MOST_UTF8_BYTES <= mostBytes) return;
  if (length > mostBytes) throw valueTooLong(path);
  // Only near the limit, as counting is slow.
  if (typeof payload === 'string' && Buffer.byteLength(payload) > mostBytes) {
    throw valueTooLong(path);
  }
}

export function valueTooLong(path: string): RangeError {
  return new RangeError(
    `The value at "${path}" is too long to be encrypted: its envelope would be longer than the longest string of Node.js, ${String(constants.MAX_STRING_LENGTH)} characters; store it in parts`,
  );
}
