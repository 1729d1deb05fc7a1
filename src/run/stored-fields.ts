/** The sealed fields of a stored document, and their DEKs. @module */
import { envelopesOfOthers, type OwnLookAlike } from '../cipher/own-envelopes.js';
import { planRead } from '../cipher/document-reader.js';
import type { SealedSlot } from '../cipher/write-plan.js';
import {
  placeOf,
  hasOnlyItsFields,
  draftOf,
  type DocumentPlace,
} from '../document/document-draft.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { clearFormerPath, sealedByAnother, notMoved } from '../cipher/former-fields.js';

export interface StoredFields {
  readonly place: DocumentPlace;
  /** The number of declared values that have to be sealed. */
  readonly plain: number;
  /** The number of envelopes that have to be opened, or moved to a declared path. */
  readonly misplaced: number;
  /** The number of envelopes among them at paths in stage `opening`. */
  readonly toOpen: number;
  /** An envelope at a former path whose place no declared path takes. */
  readonly notReplaced: Pick<OwnLookAlike, 'dekId' | 'path'> | undefined;
  /** The place of a value in clear at a former path that no declared path covers. */
  readonly clearAt: string | undefined;
  /** Every envelope, at declared and former paths. */
  readonly sealed: readonly SealedSlot[];
  /** The DEKs that envelopes name, each once. */
  readonly dekIds: readonly string[];
  /**
   * Envelopes sealed by another definition, for example an earlier one. This definition cannot move them to
   * another DEK, and they must not count as absent. Envelopes embedded from other documents do not count.
   * Neither do objects whose form no DEK can open: a client may have sent them.
   */
  readonly strays: readonly OwnLookAlike[];
}

/**
 * @throws TamperedError for envelopes that are malformed or of another document; TypeError for anything but a
 *   document.
 */
export function storedFieldsOf(
  { definition, product }: { readonly definition: AnyDefinition; readonly product: string },
  document: object,
): StoredFields {
  const draft = draftOf(document, definition);
  const place = placeOf(definition, product, draft.document);
  const { sealed, dekIds, passedThrough, ofFormerForm } = planRead(draft, place, true);
  const { former, shape } = draft;
  const notReplaced = sealed.find(
    ({ slot }) => former.includes(slot) && !shape.formerPaths.isReplaced(slot.field),
  );
  const toOpen = sealed.filter(({ slot }) => slot.field.stage === 'opening').length;
  return {
    place,
    plain: passedThrough + ofFormerForm,
    misplaced: toOpen + former.length,
    toOpen,
    notReplaced: notReplaced && {
      path: notReplaced.slot.field.path,
      dekId: notReplaced.envelope.dekId,
    },
    clearAt: clearFormerPath(draft),
    sealed,
    dekIds,
    strays: hasOnlyItsFields(draft) ? [] : envelopesOfOthers(draft, place.scope),
  };
}

/** Whether the document is not as its definition would store it. */
export function hasToMove({ plain, misplaced, clearAt }: StoredFields): boolean {
  return plain > 0 || misplaced > 0 || clearAt !== undefined;
}

/** @throws FieldEncryptionError `DEFINITION_MISMATCH` for an envelope that no declared path can take over. */
export function requireAllReplaced({ notReplaced }: StoredFields): void {
  if (notReplaced) throw notMoved(notReplaced.path, notReplaced.dekId);
}

/** @throws FieldEncryptionError `DEFINITION_MISMATCH` for a stray envelope under one of these DEKs. */
export function requireNoStray(
  { strays, place }: StoredFields,
  isOneOf: (dekId: string) => boolean = () => true,
): void {
  const stray = strays.find(({ dekId }) => isOneOf(dekId));
  if (stray) throw sealedByAnother(stray, place);
}
