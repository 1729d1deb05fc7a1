/** The 32 bytes of an env MEK or a record key, from the encodings that people use. @module */
import type { KeyObject } from 'node:crypto';
import { deriveMekId, importSecret } from '../crypto/key-schedule.js';
import { weaknessOf } from './key-weakness.js';

const MEK_BYTES = 32;
const ENCODINGS = ['hex', 'base64', 'base64url'] as const;

/**
 * Returns the bytes of a key written as base64, base64url or hex.
 *
 * @returns The problem with any other text, in words that reveal nothing of it. A key that is not random is
 *   no problem here: see `weaknessOf`.
 */
export function parseMekBytes(text: string): Buffer | string {
  if (text === '') return 'is empty';
  if (text.trim() !== text) return 'has white space around it';
  for (const encoding of ENCODINGS) {
    const bytes = Buffer.from(text, encoding);
    const written = bytes.toString(encoding);
    // Node's decoders accept almost anything: only text that they would write themselves is a key.
    if (
      bytes.length === MEK_BYTES &&
      written === (encoding === 'hex' ? text.toLowerCase() : text)
    ) {
      return bytes;
    }
  }
  return 'must be 32 bytes as base64, base64url or hex';
}

/** A key in this process, and why it is not random, if so. */
export interface ImportedKey {
  readonly key: KeyObject;
  readonly weakness: string | undefined;
}

/** @throws TypeError or RangeError that states the problem with the text and reveals nothing of it. */
export function importMek(name: string, text: unknown): ImportedKey {
  if (typeof text !== 'string') throw new TypeError(`"${name}" expected a string`);
  const bytes = parseMekBytes(text);
  if (typeof bytes === 'string') throw new RangeError(`"${name}" ${bytes}`);
  const weakness = weaknessOf(bytes);
  return { key: importSecret(bytes), weakness };
}

/** Returns the version of a key as a MEK from the environment. */
export function envMekVersionOf(key: KeyObject): string {
  return `env-${deriveMekId(key)}`;
}
