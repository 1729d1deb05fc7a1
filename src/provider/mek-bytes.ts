/** The 32 bytes of an env MEK or a record key, from the ways in which people write them. @module */
import type { KeyObject } from 'node:crypto';
import { deriveMekId, importSecret } from '../crypto/key-schedule.js';
import { weaknessOf } from './key-weakness.js';

const MEK_BYTES = 32;
const ENCODINGS = ['hex', 'base64', 'base64url'] as const;

/**
 * The bytes of a key written as base64, base64url or hex.
 *
 * @returns What is wrong with the text otherwise: words that give nothing of it away. A key that is no random one
 * is not wrong here: see `weaknessOf`.
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
      return bytes;
    }
  }
  return 'must be 32 bytes as base64, base64url or hex';
}

/** A key that is in this process, and why it is no random one. */
export interface ImportedKey {
  readonly key: KeyObject;
  readonly weakness: string | undefined;
}

/** @throws TypeError or RangeError that says what is wrong with the text, and gives nothing of it away. */
export function importMek(name: string, text: unknown): ImportedKey {
  if (typeof text !== 'string') throw new TypeError(`"${name}" expected a string`);
  const bytes = parseMekBytes(text);
  if (typeof bytes === 'string') throw new RangeError(`"${name}" ${bytes}`);
  const weakness = weaknessOf(bytes);
  return { key: importSecret(bytes), weakness };
}

/** The version that a key has as a MEK from the environment. */
export function envMekVersionOf(key: KeyObject): string {
  return `env-${deriveMekId(key)}`;
}
