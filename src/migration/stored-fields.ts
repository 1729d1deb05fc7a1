/** The sealed fields of a stored document, and their DEKs. @module */
import { isSoundEnvelope, ownLookAlikes } from '../cipher/own-envelopes.js';
import { planRead } from '../cipher/document-reader.js';
import type { SealedSlot } from '../cipher/write-plan.js';
import { draftOf, type DocumentPlace } from '../document/define-document.js';
import type { FieldNode } from '../document/field-tree.js';
import { FieldEncryptionError } from '../errors/errors.js';
import type { AnyDocument } from '../run/scanned-document.js';
import type { MigrationContext } from './migration-options.js';

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
  { definition, product }: Pick<MigrationContext, 'definition' | 'product'>,
  document: object,
): StoredFields {
  const draft = draftOf(document, definition.tree);
  const place = definition.placeOf(product, draft.document);
  const { sealed, dekIds, passedThrough } = planRead(draft, place, true);
  return { place, tree: draft.tree, plain: passedThrough, sealed, dekIds };
}

interface StrayEnvelope {
  readonly path: string;
  readonly dekId: string;
}

/**
 * Finds envelopes sealed by another definition, for example an earlier one. This definition cannot move them
 * to another DEK, and they must not count as absent. Envelopes embedded from other documents do not count.
 * Neither do objects whose form no DEK can open: a client may have sent them.
 */
export function strayEnvelopes(
  document: AnyDocument,
  {
    place: { scope },
    tree,
  }: { readonly place: DocumentPlace; readonly tree: readonly FieldNode[] },
): StrayEnvelope[] {
  const found = ownLookAlikes(document, { scope, tree, intoValues: true });
  return found
    .filter(({ value }) => isSoundEnvelope(value))
    .map(({ path, dekId }) => ({ path, dekId }));
}

export function strayEnvelope({ path, dekId }: StrayEnvelope): FieldEncryptionError {
  return new FieldEncryptionError(
    'ENVELOPE_REFUSED',
    `The value at "${path}" is an envelope of this document, and the definition declares no field there: migrate with a definition that declares every field that was ever sealed`,
    { path, dekId },
  );
}
