/** The stored form of one encrypted field: docs/format.md, "Envelope". @module */
import { isDekId } from './key-scope.js';
import { FieldEncryptionError, TamperedError } from '../errors/errors.js';
import { isMekVersion } from './key-wrap.js';

/** An encrypted field value as it is stored: plain JSON. */
export interface Envelope {
  /** Format version. */
  readonly _enc: 1;
  /** The DEK that opens it. */
  readonly dekId: string;
  /** The MEK version at the time of writing: a hint about the past that selects nothing. */
  readonly mekVersion: string;
  /** base64url of nonce ‖ ciphertext ‖ tag. */
  readonly ct: string;
}

const PROPERTIES: readonly string[] = ['_enc', 'dekId', 'mekVersion', 'ct'];

/**
 * True for any object with an own property `_enc`, valid or not: such an object is never treated as
 * plaintext.
 */
export function looksLikeEnvelope(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, '_enc');
}

/** Distinguishes an envelope from every other: no two have the same nonce. */
export function ciphertextIn(value: unknown): string | undefined {
  const { ct } = (looksLikeEnvelope(value) ? value : {}) as Partial<Envelope>;
  return ct;
}

/**
 * Returns a copy of an envelope, read once and checked for form. What it seals is checked when it is opened.
 *
 * @param sound - An envelope that was checked before: properties equal to its own are not checked again. In
 *   most documents all fields agree.
 * @throws TamperedError where the form is wrong; `ENVELOPE_UNSUPPORTED` for a later format version.
 */
export function parseEnvelope(value: object, path: string, sound?: Envelope): Envelope {
  const { _enc, dekId, mekVersion, ct } = value as Partial<Record<keyof Envelope, unknown>>;
  if (_enc !== 1) throw wrongVersion(_enc, path);
  if (!hasExactlyItsProperties(value)) throw malformed(path, 'its properties');
  if ((!sound || dekId !== sound.dekId) && !isDekId(dekId)) throw malformed(path, 'dekId');
  if ((!sound || mekVersion !== sound.mekVersion) && !isMekVersion(mekVersion)) {
    throw malformed(path, 'mekVersion');
  }
  if (typeof ct !== 'string') throw malformed(path, 'ct');
  return { _enc, dekId, mekVersion, ct };
}

function hasExactlyItsProperties(value: object): boolean {
  let next = 0;
  // Most envelopes are as they were written, and `for…in` lists own names before inherited ones.
  for (const name in value) {
    if (name !== PROPERTIES[next]) return hasThemInSomeOrder(value);
    next += 1;
  }
  return next === PROPERTIES.length && Object.hasOwn(value, 'ct');
}

function hasThemInSomeOrder(value: object): boolean {
  const names = Object.keys(value);
  return names.length === PROPERTIES.length && names.every((name) => PROPERTIES.includes(name));
}

function wrongVersion(version: unknown, path: string): Error {
  if (!Number.isSafeInteger(version) || (version as number) < 2) return malformed(path, '_enc');
  return new FieldEncryptionError(
    'ENVELOPE_UNSUPPORTED',
    `The envelope at "${path}" has format version ${String(version)}: upgrade @bytelyst/field-encrypt to read it`,
    { path },
  );
}

function malformed(path: string, what: string): TamperedError {
  return new TamperedError(
    `The envelope at "${path}" is malformed (${what}): restore the document from a backup`,
    { path },
  );
}
