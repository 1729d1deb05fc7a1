/** Plans the encryption of a document before anything is read or written. @module */
import type { Plaintext } from '../crypto/aes.js';
import type { Dek } from '../dek/dek.js';
import { DistinctDeks } from '../dek/dek-bounds.js';
import {
  type DocumentDraft,
  type DocumentPlace,
  type FieldSlot,
  hasOnlyItsFields,
} from '../document/document-draft.js';
import { ELEMENT_SUFFIX } from '../document/field-tree.js';
import { indexedPath } from '../document/indexed-path.js';
import { FieldEncryptionError, hasCode } from '../errors/errors.js';
import { looksLikeEnvelope, parseEnvelope, type Envelope, isDekOf } from '../format/key-scope.js';
import { describeValue } from '../guards/guards.js';
import { fieldCipher, encodeFieldValue, type ReopenedValue } from './field-cipher.js';
import {
  ownLookAlikes,
  refusedEnvelope,
  undeclaredEnvelope,
  envelopeInside,
  envelopeInValue,
} from './own-envelopes.js';

/** Returns the DEK that a document's envelope names. */
export type DekSource = (dekId: string) => Promise<Dek>;

export interface PlainSlot {
  readonly slot: FieldSlot;
  readonly encoded: Plaintext;
}

export interface SealedSlot {
  readonly slot: FieldSlot;
  readonly envelope: Envelope;
}

export interface WritePlan {
  readonly plain: readonly PlainSlot[];
  /** Envelopes of the passed document: they stay, once they have opened here. */
  readonly carried: readonly SealedSlot[];
}

/** Which look-alikes of the document's own envelopes may not occur outside its declared fields. */
export type LookAlikeRule = (value: object) => boolean;

const ANY_LOOK_ALIKE: LookAlikeRule = () => true;

/**
 * @throws TypeError for values and containers that cannot be stored without loss, RangeError for values that
 *   are too long; FieldEncryptionError `ENVELOPE_REFUSED` or `DOCUMENT_MOVED` for envelopes that are not this
 *   document's own, or are outside declared fields; `TOO_MANY_DEKS`.
 */
export function planWrite(
  draft: DocumentDraft,
  place: DocumentPlace,
  isRefused: LookAlikeRule = ANY_LOOK_ALIKE,
): WritePlan {
  requireNoUndeclared(draft, place, isRefused);
  for (const { path, expected, value, stage } of draft.misshapen) {
    if (looksLikeEnvelope(value)) throw refusedEnvelope(path);
    if (stage === 'opening') continue;
    throw new TypeError(
      `The value at "${path}" expected ${expected}, because fields in it are encrypted; got ${describeValue(value)}`,
    );
  }
  const plain: PlainSlot[] = [];
  const carried: SealedSlot[] = [];
  let named: DistinctDeks | undefined;
  let nth = -1;
  const placeOf = (): string => indexedPath(draft.document, draft.shape.tree, nth) as string;
  for (const slot of draft.slots) {
    const { value, field } = slot;
    nth += 1;
    if (value === undefined && !field.path.endsWith(ELEMENT_SUFFIX)) continue;
    if (looksLikeEnvelope(value)) {
      const envelope = ownEnvelope(value, slot, place);
      (named ??= new DistinctDeks()).add(envelope.dekId);
      carried.push({ slot, envelope });
    } else if (field.stage !== 'opening') {
      plain.push({ slot, encoded: encodeFieldValue(value, field.path, placeOf) });
    }
  }
  return { plain, carried };
}

/** @throws FieldEncryptionError `ENVELOPE_REFUSED` for an envelope of the document outside its fields. */
export function requireNoUndeclared(
  draft: DocumentDraft,
  { scope }: DocumentPlace,
  isRefused: LookAlikeRule = ANY_LOOK_ALIKE,
): void {
  if (hasOnlyItsFields(draft)) return;
  const { document, shape } = draft;
  const found = ownLookAlikes(document, { scope, shape, intoValues: false });
  const refused = found.find(({ value }) => isRefused(value));
  if (refused) throw undeclaredEnvelope(refused);
}

/** @throws As {@link planWrite}, for what is at former paths. */
export function planFormer(draft: DocumentDraft, place: DocumentPlace): readonly SealedSlot[] {
  const named = new DistinctDeks();
  return draft.former.map((slot) => {
    const envelope = ownEnvelope(slot.value as object, slot, place);
    named.add(envelope.dekId);
    return { slot, envelope };
  });
}

/** @throws TypeError for bytes, which have no form in clear. */
export function inClear(value: unknown, path: string): unknown {
  if (!(value instanceof Uint8Array)) return value;
  throw new TypeError(
    `The value at "${path}" is bytes, which have no plaintext form in a document: replace them with text before they are opened`,
  );
}

function ownEnvelope(value: object, { field }: FieldSlot, place: DocumentPlace): Envelope {
  const envelope = readEnvelope(value, field.path);
  if (isDekOf(place.scope, envelope.dekId)) return envelope;
  throw new FieldEncryptionError(
    'DOCUMENT_MOVED',
    `The envelope at "${field.path}" was sealed for another document: if this one was moved, decrypt it under its old key parts and encrypt it under the new ones`,
    { path: field.path, dekId: envelope.dekId },
  );
}

function readEnvelope(value: object, path: string): Envelope {
  try {
    return parseEnvelope(value, path);
  } catch (error) {
    // A mistake of the caller is not tampering, and must not look like it in monitoring.
    throw refusedEnvelope(path, hasCode(error, 'TAMPERED') ? undefined : error);
  }
}

/**
 * Returns a sealed value that will be sealed again, or stored in clear; its plaintext is unchanged, even if it
 * could not be sealed now.
 *
 * @throws TamperedError where it does not open; FieldEncryptionError `DEFINITION_MISMATCH` where it holds an
 *   envelope of the document: its DEK would then count as unused.
 */
export function reopenToMove(
  dek: Dek,
  place: DocumentPlace,
  { slot: { field }, envelope }: SealedSlot,
): ReopenedValue {
  const reopened = fieldCipher(dek, place).reopen(field, envelope);
  const inner = envelopeInside(reopened.value, place.scope);
  if (inner) throw envelopeInValue(field.path, inner.dekId);
  return reopened;
}
