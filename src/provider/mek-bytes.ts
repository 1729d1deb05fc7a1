/** The 32 bytes of an env MEK or a record key, from the encodings that people use. @module */
import type { KeyObject } from 'node:crypto';
import { deriveMekId, importSecret } from '../crypto/key-schedule.js';

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

const PRINTABLE = { from: 0x20, to: 0x7e };
/** Bytes that separate words of a text, or pad it. */
const FILLERS = new Set([0, 0x09, 0x0a, 0x0d]);
/**
 * A random key of 32 bytes has about thirty different bytes. This few are less likely than a correct guess of
 * half the key.
 */
const FEW_BYTES = 12;

/**
 * Returns why a key is not random, in words that follow its name and reveal nothing of it.
 *
 * @returns `undefined` for a key that may be random. All but one in 10²⁰ random keys of 32 bytes pass.
 */
export function weaknessOf(bytes: Uint8Array): string | undefined {
  if (new Set(bytes).size <= FEW_BYTES || repeatsItself(bytes) || isSequence(bytes)) {
    return 'is a pattern';
  }
  return bytes.every((byte) => isTextByte(byte)) ? 'is text, such as a passphrase' : undefined;
}

function isTextByte(byte: number): boolean {
  return (byte >= PRINTABLE.from && byte <= PRINTABLE.to) || FILLERS.has(byte);
}

/** One block repeated, the last one truncated where it does not fit. */
function repeatsItself(bytes: Uint8Array): boolean {
  const halves = Array.from({ length: bytes.length / 2 }, (_each, index) => index + 1);
  return halves.some((length) => bytes.every((byte, at) => byte === bytes[at % length]));
}

/** Rises or falls by the same step each time, modulo 256. */
function isSequence(bytes: Uint8Array): boolean {
  const [first = 0, second = 0] = bytes;
  return bytes.every((byte, at) => byte === ((first + at * (second - first)) & 0xff));
}
