/** Deletes a stored document together with its DEKs. @module */
import { placeOf } from '../document/document-draft.js';
import { untilAborted } from '../async/abort.js';
import type { DekServices } from '../dek/dek-services.js';
import { shredScope } from '../dek/scope-shredder.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { backOff, tryWrite } from '../store/compare-and-set.js';
import type { DocumentStore } from '../store/document-store.js';
import { takeTurn } from './document-turns.js';
import { contended, lookUp } from './document-updater.js';

export interface DocumentDeletion {
  readonly definition: AnyDefinition;
  readonly store: Pick<DocumentStore, 'delete' | 'get'>;
  readonly key: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
}

export interface DeletedDocument {
  /** False where there was no document. */
  readonly deleted: boolean;
  /** The dekIds that this call shredded. */
  readonly shredded: readonly string[];
}

const MOST_ATTEMPTS = 24;

/**
 * Reads, shreds, and deletes what was read.
 *
 * The DEKs go first. A crash in between leaves a document that lists still show and reads refuse as shredded,
 * which shows that the deletion is unfinished. In the other order it would leave a DEK without a document,
 * which opens every copy of the deleted document and is missed by all but a search for orphans.
 *
 * The document is deleted under the etag that was read before the shred. So every DEK that it names existed
 * when the shred began, and is gone; and nothing is shredded after the deletion, when the DEK may be that of
 * a new document with the same key.
 */
export async function deleteDocument(
  services: DekServices,
  deletion: DocumentDeletion,
): Promise<DeletedDocument> {
  const { definition, store, key, signal } = deletion;
  const { product, clock } = services.context;
  const { identity, scope } = placeOf(definition, product, key);
  // Calls that wait for the turn began before the shred, and fail, or find no document.
  const turn = await takeTurn(store, identity, { clock, signal });
  try {
    const shredded: string[] = [];
    for (let attempt = 1; ; attempt += 1) {
      const item = await lookUp(deletion);
      shredded.push(...(await shredScope(services, scope.scopeId, signal)));
      if (await isGone(deletion, item?.etag)) return { deleted: item !== undefined, shredded };
      if (attempt === MOST_ATTEMPTS) throw contended('Deleting the document', MOST_ATTEMPTS);
      await backOff(clock, attempt, signal);
    }
  } finally {
    turn.end();
  }
}

/** @param etag - As read before the shred; absent where there was no document. */
async function isGone(deletion: DocumentDeletion, etag: string | undefined): Promise<boolean> {
  const { store, key, signal } = deletion;
  const isAbsent = async (): Promise<boolean> => (await lookUp(deletion)) === undefined;
  // A writer that was faster than the shred may have sealed the document under a shredded DEK.
  if (etag === undefined) return isAbsent();
  signal?.throwIfAborted();
  const remove = async (): Promise<true> => {
    await untilAborted(store.delete(key, etag, { signal }), signal);
    return true;
  };
  return (await tryWrite(remove, async () => (await isAbsent()) || undefined)) ?? false;
}
