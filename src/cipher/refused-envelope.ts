/** Refusals of values that must not be written, because they would count as envelopes. @module */
import { FieldEncryptionError } from '../errors/errors.js';
import type { OwnLookAlike } from './own-envelopes.js';

/** For a value that would count as an envelope when it is read back. */
export function refusedEnvelope(path: string, cause?: unknown): FieldEncryptionError {
  return new FieldEncryptionError(
    'ENVELOPE_REFUSED',
    `The value at "${path}" looks like an envelope but is not one of this document's own: no value may have a property named "_enc"`,
    { path, ...(cause !== undefined && { cause }) },
  );
}

/**
 * @param path - The declared path.
 * @param steps - The steps from there on; `.*` for a property, whose name is part of the value.
 */
export function nestedEnvelope(path: string, steps: readonly string[]): FieldEncryptionError {
  return new FieldEncryptionError(
    'ENVELOPE_REFUSED',
    `The value at "${path}" has an object inside it that looks like an envelope, at "${path}${steps.join('')}" (* is any property): no value may have a property named "_enc" at any depth`,
    { path },
  );
}

/** For an envelope of the document outside its declared fields, where no re-encryption would move it. */
export function undeclaredEnvelope({ place, dekId }: OwnLookAlike): FieldEncryptionError {
  const what = place === '' ? 'The document itself' : `The value at "${place}"`;
  return new FieldEncryptionError(
    'ENVELOPE_REFUSED',
    `${what} looks like an envelope of this document, and the definition declares no field there: remove it, or write its plaintext`,
    { path: place, dekId },
  );
}

/** For a value that was sealed with an envelope of the same document inside. */
export function envelopeInValue(path: string, dekId: string): FieldEncryptionError {
  return new FieldEncryptionError(
    'DEFINITION_MISMATCH',
    `The value that is sealed at "${path}" holds an envelope of this document under DEK ${dekId}, from another definition: open both, the inner one with the definition that sealed it, and write the plain value`,
    { path, dekId },
  );
}
