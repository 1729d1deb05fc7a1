/** Renames and reshapes documents on their way to the current definition. @module */
import { isDeepStrictEqual } from 'node:util';
import { type DekSource, planWrite } from '../cipher/write-plan.js';
import { copyOfOpened } from '../cipher/decrypted-change.js';
import { clearTexts, leftInClear, requireNothingFormer } from '../cipher/former-fields.js';
import { keepEnvelopes } from '../cipher/keep-envelopes.js';
import { isSoundEnvelope } from '../cipher/own-envelopes.js';
import { placeOf, draftOf, draftToWrite } from '../document/document-draft.js';
import { looksLikeEnvelope } from '../format/key-scope.js';
import { isPlainObject, requirePlainObject } from '../guards/guards.js';
import type { AnyDocument } from '../run/scanned-document.js';
import type { StoredFields } from '../run/stored-fields.js';
import type { DocumentRewrite } from './document-passes.js';
import type { MigrationContext } from './migration-options.js';

/**
 * Receives a decrypted document, opened under declared and former paths, and returns the document to store in
 * its place: renamed and reshaped as the current definition expects it. It is called only for a document that
 * does not fit the definition, or that gets another DEK; and again after a lost race.
 */
export type UpgradeDocument = (
  document: Record<string, unknown>,
) => Promise<Record<string, unknown>> | Record<string, unknown>;

/**
 * Returns the upgraded document, with the envelopes of unchanged fields.
 *
 * @param dekOf - Opens the envelopes. @default the document's own DEKs
 * @throws Errors of `upgrade`; TypeError for a result that is not a plain object; FieldEncryptionError
 *   `DEFINITION_MISMATCH` for an opened text that the result holds in clear.
 */
export async function upgradedDocument(
  { definition, reader }: MigrationContext,
  { document, fields }: { readonly document: AnyDocument; readonly fields: StoredFields },
  { upgrade, dekOf }: { readonly upgrade: UpgradeDocument; readonly dekOf?: DekSource },
): Promise<DocumentRewrite> {
  const opened = await reader.read(definition, document, { dekOf });
  const upgraded: unknown = await upgrade(copyOfOpened(opened));
  requirePlainObject('the result of "upgrade"', upgraded);
  requireNotInClear({ stored: document, opened, upgraded }, definition);
  const next = keepEnvelopes(definition, { stored: document, opened }, upgraded);
  const { slots } = draftOf(next, definition);
  const changed = slots.filter(({ value }) => value !== undefined && !looksLikeEnvelope(value));
  return { document: next, fields: Math.max(changed.length, fields.misplaced) };
}

/**
 * Called for its refusals.
 *
 * @throws What storing the document under the definition would fail with.
 */
export async function requireStorable(
  { definition, product, reader }: MigrationContext,
  document: AnyDocument,
  dekOf?: DekSource,
): Promise<void> {
  let draft = draftToWrite(document, definition);
  if (draft.former.length > 0) {
    draft = draftToWrite(await reader.read(definition, document, { dekOf }), definition);
  }
  requireNothingFormer(draft);
  planWrite(draft, placeOf(definition, product, draft.document), isSoundEnvelope);
}

export interface Versions {
  readonly stored: AnyDocument;
  readonly opened: AnyDocument;
  readonly upgraded: AnyDocument;
}

/** Text that was sealed must not appear where the definition declares nothing, unless it was there before. */
export function requireNotInClear(
  { stored, opened, upgraded }: Versions,
  definition: MigrationContext['definition'],
): void {
  const secret = new Set<string>();
  addOpened(secret, stored, opened);
  const before = new Set(clearTexts(stored, definition).map(({ text }) => text));
  const left = clearTexts(upgraded, definition).find(
    ({ text }) => secret.has(text) && !before.has(text),
  );
  if (left) throw leftInClear(left.path);
}

/** Adds every text in the values of envelopes. */
function addOpened(secret: Set<string>, stored: unknown, opened: unknown): void {
  if (looksLikeEnvelope(stored) && !isDeepStrictEqual(stored, opened)) addTexts(secret, opened);
  else if (Array.isArray(stored) && Array.isArray(opened)) {
    for (const [index, element] of stored.entries()) addOpened(secret, element, opened[index]);
  } else if (isPlainObject(stored) && isPlainObject(opened)) {
    for (const [name, value] of Object.entries(stored)) addOpened(secret, value, opened[name]);
  }
}

function addTexts(secret: Set<string>, value: unknown): void {
  if (typeof value === 'string' && value !== '') secret.add(value);
  if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) {
    for (const part of Object.values(value)) addTexts(secret, part);
  }
}
