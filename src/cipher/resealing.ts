/** Moves sealed values to another DEK. @module */
import type { Plaintext } from '../crypto/aead.js';
import { fieldCipher } from './field-cipher.js';
import type { Dek } from '../dek/dek.js';
import type { DocumentPlace } from '../document/document-place.js';
import { isSoundEnvelope, ownLookAlikes } from './own-envelopes.js';
import { envelopeInValue } from './refused-envelope.js';
import type { SealedSlot } from './write-plan.js';

/**
 * Returns the plaintext of a sealed field unchanged, even if it could not be sealed now.
 *
 * @throws TamperedError where it does not open; FieldEncryptionError `DEFINITION_MISMATCH` where it holds an
 *   envelope of the document: its DEK would then count as unused.
 */
export function plaintextToReseal(
  dek: Dek,
  place: DocumentPlace,
  { slot: { field }, envelope }: SealedSlot,
): Plaintext {
  const { value, encoded } = fieldCipher(dek, place).reopen(field, envelope);
  if (typeof value === 'object' && value !== null) {
    const found = ownLookAlikes(value, { scope: place.scope, tree: [], intoValues: true });
    const inner = found.find((each) => isSoundEnvelope(each.value));
    if (inner) throw envelopeInValue(field.path, inner.dekId);
  }
  return encoded;
}
