/** Key scopes, the ids of their DEKs, and envelopes: docs/format.md, "Key scope" and "Envelope". @module */
import { hash } from 'node:crypto';
import { tuple } from '../crypto/key-schedule.js';
import { FieldEncryptionError, TamperedError } from '../errors/errors.js';
import { requireIdentifier } from '../guards/guards.js';
import { isMekVersion } from './dek-row.js';

export type ScopeKind = 'document' | 'shared';

/** The documents that share one DEK. */
export interface KeyScope {
  readonly kind: ScopeKind;
  readonly product: string;
  /** For kind `document`: the collection, then the document's key parts. */
  readonly parts: readonly string[];
  readonly scopeId: string;
}

const SCOPE_ID = /^[0-9a-f]{32}$/;
const DEK_ID = /^[0-9a-f]{32}\.[1-9][0-9]{0,15}$/;
const SCOPE_ID_LENGTH = 32;

/** How far a generation may be above the `generationFloor` of the rotation record. */
export const MOST_GENERATIONS_ABOVE_FLOOR: number = 2 ** 20;

export function keyScope(kind: ScopeKind, product: string, parts: readonly string[]): KeyScope {
  return { kind, product, parts, scopeId: scopeIdOf(kind, product, parts) };
}

export function scopeIdOf(kind: ScopeKind, product: string, parts: readonly string[]): string {
  const scope = tuple('field-encrypt/v1/scope', kind, product, ...parts);
  return hash('sha256', scope, 'hex').slice(0, SCOPE_ID_LENGTH);
}

export function dekIdOf(scopeId: string, generation: number): string {
  return `${scopeId}.${String(generation)}`;
}

export function isScopeId(value: unknown): value is string {
  return typeof value === 'string' && SCOPE_ID.test(value);
}

export function isDekId(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    DEK_ID.test(value) &&
    // Fifteen digits are always below the limit.
    (value.length <= SCOPE_ID_LENGTH + 16 ||
      Number.isSafeInteger(Number(value.slice(SCOPE_ID_LENGTH + 1))))
  );
}

/** Whether a well-formed dekId names a generation of the scope. */
export function isDekOf({ scopeId }: KeyScope, dekId: string): boolean {
  return dekId.startsWith(scopeId);
}

/** Returns the scope that a dekId belongs to. */
export function scopeIdIn(dekId: string): string {
  return dekId.slice(0, SCOPE_ID_LENGTH);
}

/**
 * The highest generation that counts while the rotation record has this floor. A row or an envelope above it
 * is refused and raises nothing: otherwise one forged number would use up a scope.
 */
export function highestCredibleGeneration(generationFloor: number): number {
  return Math.min(generationFloor + MOST_GENERATIONS_ABOVE_FLOOR, Number.MAX_SAFE_INTEGER);
}

/** Returns the generation that a dekId names. */
export function generationIn(dekId: string): number {
  return Number(dekId.slice(SCOPE_ID_LENGTH + 1));
}

/**
 * Different parts give different texts, however the parts are split. Safe in a TEXT column, U+0000 included.
 */
export function documentKeyText(key: readonly string[], document: object): string {
  const parts = key.map((name) => {
    const part = Object.hasOwn(document, name)
      ? (document as Record<string, unknown>)[name]
      : undefined;
    requireIdentifier(name, part);
    return part;
  });
  return JSON.stringify(parts);
}

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
