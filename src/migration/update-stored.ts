/** Replaces one document if needed, and checks it again when another process was faster. @module */
import type { DekSource } from '../cipher/document-writer.js';
import type { ShredToken } from '../dek/dek.js';
import type { Settled } from '../run/passes.js';
import {
  lookUpDocument,
  type AnyDocument,
  type AnyDocumentItem,
  type DocumentIdentity,
} from '../run/scanned-document.js';
import type { MigrationContext } from './migration-options.js';
import type { DocumentOutcome } from './migration-event.js';

export type SettledDocument = Settled<DocumentOutcome>;

/** What to seal and store instead. */
export interface DocumentRewrite {
  readonly document: AnyDocument;
  /** Declared values that the rewrite seals or opens, at least one. */
  readonly fields: number;
}

export interface StoredUpdate {
  readonly item: AnyDocumentItem;
  readonly key: DocumentIdentity;
  /** `undefined` where the document is already in its final state. */
  readonly rewrite: (stored: AnyDocument) => Promise<DocumentRewrite | undefined>;
  /** Where given, every envelope is opened with it, and sealed again. */
  readonly resealFrom?: DekSource;
  /** The shred token of the document's scope, where the work on it began earlier. */
  readonly token?: ShredToken;
}

export async function updateStored(
  { definition, store, updater, request, signal }: MigrationContext,
  { item, key, rewrite, resealFrom, token }: StoredUpdate,
): Promise<SettledDocument> {
  const last = { looks: 0, isGone: false, fields: 0 };
  const change = async (stored: AnyDocument | undefined): Promise<AnyDocument | undefined> => {
    if (stored && request.select?.(stored) === false) throw new NotSelected();
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
  if (fields === 0) return { outcome: { type: 'unchanged', key }, lostRace };
  return { outcome: { type: 'changed', key, fields }, lostRace };
}

/** Thrown where a version is not selected, with nothing written since it was read; never leaves the pass. */
export class NotSelected extends Error {}

/**
 * Gives the document another etag than when this was called, by its own write or another process's: no write
 * under an earlier etag can succeed any more. A document that does not exist has none.
 *
 * @throws NotSelected, with nothing written.
 */
export async function touchDocument(
  { store, signal, request }: Pick<MigrationContext, 'request' | 'signal' | 'store'>,
  key: DocumentIdentity,
): Promise<void> {
  const first = await lookUpDocument(store, key, signal);
  if (!first) return;
  if (request.select?.(first.document) === false) throw new NotSelected();
  try {
    await store.replace(first.document, first.etag, { signal });
  } catch (error) {
    // A write by another process is sufficient, and so is an own write whose answer was lost.
    if ((await lookUpDocument(store, key, signal))?.etag === first.etag) throw error;
  }
}
