/** Replaces one document if it needs it, and looks at it again when someone else was faster. @module */
import type { DekSource } from '../cipher/document-writer.js';
import type { ShredToken } from '../dek/shred-token.js';
import type { DocumentIdentity } from './document-identity.js';
import type { AnyDocument, AnyDocumentItem } from './document-pages.js';
import type { MigrationContext } from './migration-context.js';
import type { SettledDocument } from './migration-counter.js';

/** What is to be sealed and stored instead. */
export interface DocumentRewrite {
  readonly document: AnyDocument;
  /** Declared values that this seals or opens, at least one. */
  readonly fields: number;
}

export interface StoredUpdate {
  readonly item: AnyDocumentItem;
  readonly key: DocumentIdentity;
  /** `undefined` where the document is as it is to be. */
  readonly rewrite: (
    stored: AnyDocument,
  ) => DocumentRewrite | Promise<DocumentRewrite | undefined> | undefined;
  /** Where given, every envelope is opened with it, and sealed anew. */
  readonly resealFrom?: DekSource;
  /** Of the document's scope, where the work on it began before. */
  readonly token?: ShredToken;
}

export async function updateStored(
  { definition, store, updater, signal }: MigrationContext,
  { item, key, rewrite, resealFrom, token }: StoredUpdate,
): Promise<SettledDocument> {
  const last = { looks: 0, isGone: false, fields: 0 };
  const change = async (stored: AnyDocument | undefined): Promise<AnyDocument | undefined> => {
    const next = stored && (await rewrite(stored));
    last.looks += 1;
    last.isGone = stored === undefined;
    last.fields = next?.fields ?? 0;
    return next?.document;
  };
  const parts = { definition, store, key, change, from: item, signal };
  await updater.update({ ...parts, ...(resealFrom && { resealFrom }), ...(token && { token }) });
  const { looks, isGone, fields } = last;
  const lostRace = looks > 1;
  if (isGone) return { outcome: { type: 'skipped', key, reason: 'removed' }, lostRace };
  if (fields === 0) return { outcome: { type: 'current', key }, lostRace };
  return { outcome: { type: 'rewritten', key, fields }, lostRace };
}
