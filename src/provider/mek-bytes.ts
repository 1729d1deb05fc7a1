/** The 32 bytes of an env MEK or a record key, from the ways in which people write them. @module */
import type { KeyObject } from 'node:crypto';
import { importSecret } from '../crypto/key-schedule.js';

const MEK_BYTES = 32;
const ENCODINGS = ['hex', 'base64', 'base64url'] as const;

/**
 * The bytes of a key written as base64, base64url or hex.
 *
 * @returns What is wrong with the text otherwise: words that give nothing of it away.
 */
export function parseMekBytes(text: string): Buffer | string {
  if (text === '') return 'is empty';
  if (text.trim() !== text) return 'has white space around it';
  for (const encoding of ENCODINGS) {
    const bytes = Buffer.from(text, encoding);
    const written = bytes.toString(encoding);
    // Node's decoders forgive almost anything: only text that they would write back is a key.
    if (
      bytes.length === MEK_BYTES &&
      written === (encoding === 'hex' ? text.toLowerCase() : text)
    ) {
      return isPlaceholder(bytes) ? 'is a placeholder: all its bytes are the same' : bytes;
    }
  }
  return 'must be 32 bytes as base64, base64url or hex';
}

/** @throws TypeError or RangeError that says what is wrong with the text, and gives nothing of it away. */
export function importMek(name: string, text: unknown): KeyObject {
  if (typeof text !== 'string') throw new TypeError(`"${name}" expected a string`);
  const bytes = parseMekBytes(text);
  if (typeof bytes === 'string') throw new RangeError(`"${name}" ${bytes}`);
  return importSecret(bytes);
}

function isPlaceholder(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === bytes[0]);
}
