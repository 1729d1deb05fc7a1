/** What of a stored document is sealed, and under which DEKs. @module */
import { planRead } from '../cipher/read-plan.js';
import type { SealedSlot } from '../cipher/write-plan.js';
import type { DocumentPlace } from '../document/document-place.js';
import type { FieldNode } from '../document/field-tree.js';
import { draftOf } from '../document/document-draft.js';
import type { MigrationContext } from './migration-context.js';

export interface StoredFields {
  readonly place: DocumentPlace;
  readonly tree: readonly FieldNode[];
  /** Declared values that are plaintext. */
  readonly plain: number;
  readonly sealed: readonly SealedSlot[];
  /** That envelopes name, each once. */
  readonly dekIds: readonly string[];
}

/** @throws TamperedError for envelopes that are malformed or of another document; TypeError for no document. */
export function storedFieldsOf(
  { definition, product }: Pick<MigrationContext, 'definition' | 'product'>,
  document: object,
): StoredFields {
  const draft = draftOf(document, definition.tree);
  const place = definition.placeOf(product, draft.document);
  const { sealed, dekIds, passedThrough } = planRead(draft, place, true);
  return { place, tree: draft.tree, plain: passedThrough, sealed, dekIds };
}
