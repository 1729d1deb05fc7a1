/** The sealed fields of a stored document, and their DEKs. @module */
import { isSoundEnvelope, ownLookAlikes } from '../cipher/own-envelopes.js';
import { planRead } from '../cipher/document-reader.js';
import type { SealedSlot } from '../cipher/write-plan.js';
import { draftOf } from '../document/document-draft.js';
import { type DocumentPlace } from '../format/key-scope.js';
import type { AnyDefinition } from '../document/typed-document.js';
import type { FieldNode } from '../document/field-tree.js';
import { FieldEncryptionError } from '../errors/errors.js';
import type { AnyDocument } from './scanned-document.js';

export interface StoredFields {
  readonly place: DocumentPlace;
  readonly tree: readonly FieldNode[];
  /** The number of declared values that are plaintext. */
  readonly plain: number;
  readonly sealed: readonly SealedSlot[];
  /** The DEKs that envelopes name, each once. */
  readonly dekIds: readonly string[];
}

/**
 * @throws TamperedError for envelopes that are malformed or of another document; TypeError for anything but a
 *   document.
 */
export function storedFieldsOf(
  { definition, product }: { readonly definition: AnyDefinition; readonly product: string },
  document: object,
): StoredFields {
  const draft = draftOf(document, definition.tree);
  const place = definition.placeOf(product, draft.document);
  const { sealed, dekIds, passedThrough } = planRead(draft, place, true);
  return { place, tree: draft.tree, plain: passedThrough, sealed, dekIds };
}

type FieldsInPlace = Pick<StoredFields, 'place' | 'tree'>;

/**
 * Finds envelopes sealed by another definition, for example an earlier one. This definition cannot move them
 * to another DEK, and they must not count as absent. Envelopes embedded from other documents do not count.
 * Neither do objects whose form no DEK can open: a client may have sent them.
 */
export function strayEnvelopes(
  document: AnyDocument,
  { place, tree }: FieldsInPlace,
): { readonly path: string; readonly dekId: string }[] {
  const found = ownLookAlikes(document, { scope: place.scope, tree, intoValues: true });
  return found
    .filter(({ value }) => isSoundEnvelope(value))
    .map(({ path, dekId }) => ({ path, dekId }));
}

/** @throws FieldEncryptionError `ENVELOPE_REFUSED` for a stray envelope under one of these DEKs. */
export function requireNoStray(
  document: AnyDocument,
  fields: FieldsInPlace,
  isOneOf: (dekId: string) => boolean,
): void {
  const stray = strayEnvelopes(document, fields).find(({ dekId }) => isOneOf(dekId));
  if (!stray) return;
  throw new FieldEncryptionError(
    'ENVELOPE_REFUSED',
    `The value at "${stray.path}" is an envelope of this document, and the definition declares no field there: migrate with a definition that declares every field that was ever sealed`,
    stray,
  );
}
