/** Plans the decryption of a document before anything is read. @module */
import type { DocumentPlace } from '../document/document-place.js';
import { isDekOf } from '../format/key-scope.js';
import type { DocumentDraft } from '../document/document-draft.js';
import { FieldEncryptionError, TamperedError } from '../errors/errors.js';
import { looksLikeEnvelope, parseEnvelope, type Envelope } from '../format/envelope.js';
import { tamperedField } from './field-cipher.js';
import { DistinctDeks } from '../dek/distinct-deks.js';
import type { SealedSlot } from './write-plan.js';

export interface ReadPlan {
  readonly sealed: readonly SealedSlot[];
  /** Each dekId once: one, or a few generations. */
  readonly dekIds: readonly string[];
  /** Declared fields, or containers of them, that are plaintext and are passed through. */
  readonly passedThrough: number;
}

/**
 * @param passesPlaintext - Whether plaintext in a declared field is passed through or refused.
 * @throws TamperedError for envelopes that are malformed or of another document, before any look-up;
 * FieldEncryptionError `PLAINTEXT_REFUSED` or `TOO_MANY_DEKS`.
 */
export function planRead(
  draft: DocumentDraft,
  place: DocumentPlace,
  passesPlaintext: boolean,
): ReadPlan {
  const sealed: SealedSlot[] = [];
  const named = new DistinctDeks();
  let passedThrough = 0;
  for (const { path, value } of draft.misshapen) {
    if (looksLikeEnvelope(value)) throw misplacedEnvelope(path);
    passedThrough += passPlaintext(path, passesPlaintext);
  }
  for (const slot of draft.slots) {
    const { value, field } = slot;
    if (value === undefined) continue;
    if (looksLikeEnvelope(value)) {
      const previous = sealed.at(-1)?.envelope;
      const envelope = envelopeOf(value, field.path, place, previous);
      if (envelope.dekId !== previous?.dekId) named.add(envelope.dekId);
      sealed.push({ slot, envelope });
    } else passedThrough += passPlaintext(field.path, passesPlaintext);
  }
  return { sealed, dekIds: named.dekIds, passedThrough };
}

/**
 * A valid envelope of this very document; only its DEK can show whether it opens.
 *
 * @param sound - Another envelope of this document, checked before.
 */
export function envelopeOf(
  value: object,
  path: string,
  place: DocumentPlace,
  sound?: Envelope,
): Envelope {
  const envelope = parseEnvelope(value, path, sound);
  if (envelope.dekId === sound?.dekId || isDekOf(place.scope, envelope.dekId)) return envelope;
  throw tamperedField(path, envelope.dekId);
}

/** Returns 1, for the count, or throws the refusal. */
export function passPlaintext(path: string, passesPlaintext: boolean): 1 {
  if (passesPlaintext) return 1;
  throw new FieldEncryptionError(
    'PLAINTEXT_REFUSED',
    `The declared field "${path}" holds plaintext, and mode "strict" refuses it: backfill the collection, or read in mode "migrate" until that is done`,
    { path },
  );
}

function misplacedEnvelope(path: string): TamperedError {
  return new TamperedError(
    `The value at "${path}" is an envelope where fields are declared inside it: restore the document from a backup`,
    { path },
  );
}
