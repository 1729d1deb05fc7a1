/** Counts what a backfill still has to do. @module */
import { documentPages, type AnyDocumentStore } from '../run/scanned-document.js';
import { plaintextPaths } from '../cipher/plaintext-read.js';
import { draftOf } from '../document/define-document.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { signalIn, type CallOptions, unlessAborted } from '../async/abort.js';
import type { DocumentStore } from '../store/document-store.js';
import { requireDefinition, requireDocumentStore } from '../run/required-parts.js';

/** Documents and declared values of one collection; everything is sealed where both counts are 0. */
export interface PlaintextCount {
  /** Documents with at least one declared field in plaintext. */
  readonly documents: number;
  /** Declared values in plaintext; each element of an array counts separately. */
  readonly fields: number;
  /** Documents that were read. */
  readonly scanned: number;
}

/**
 * Counts the declared fields that are still plaintext, in one scan over the collection.
 *
 * Reads only, and needs no key: it counts what a reader in mode `'migrate'` would pass through. `null` in a
 * declared field counts; an absent field does not, and neither does anything that looks like an envelope,
 * whether it opens or not. A container without the declared shape counts once.
 *
 * A document that changes during the scan counts as it was read: a result of 0 stays true only where every
 * process that writes the collection encrypts. `requireBackfilled` rejects for any other result.
 *
 * @throws Errors of the store, so that a failed read never counts as 0; TypeError for a document that is not
 *   a plain object. TypeError or RangeError for invalid parts and options.
 *
 * @example
 * ```ts
 * import { countPlaintext, defineDocument } from '@bytelyst/field-encrypt';
 * import { MemoryDocumentStore } from '@bytelyst/field-encrypt/testing';
 *
 * const note = defineDocument<{ id: string; body: string; tags: string[] }>()({
 *   collection: 'notes', key: ['id'], fields: ['body', 'tags[]'],
 * });
 * const notes = new MemoryDocumentStore({ key: note.key });
 * await notes.create({ id: '1', body: 'Hi', tags: ['a', 'b'] });
 * console.log(await countPlaintext(note, notes)); // { documents: 1, fields: 3, scanned: 1 }
 * ```
 */
export async function countPlaintext(
  definition: AnyDefinition,
  documentStore: DocumentStore<object>,
  options?: CallOptions,
): Promise<PlaintextCount> {
  const signal = signalIn(options);
  requireCountable('', { definition, documentStore });
  const store = documentStore as AnyDocumentStore;
  return unlessAborted(signal, () => count(definition, store, signal));
}

async function count(
  definition: AnyDefinition,
  documentStore: AnyDocumentStore,
  signal: AbortSignal | undefined,
): Promise<PlaintextCount> {
  let [documents, fields, scanned] = [0, 0, 0];
  for await (const items of documentPages(documentStore, signal)) {
    for (const { document } of items) {
      const plain = plaintextPaths(draftOf(document, definition.tree)).length;
      if (plain > 0) documents += 1;
      fields += plain;
      scanned += 1;
    }
  }
  return { documents, fields, scanned };
}

/** @internal @param owner - The owner of the parts in messages, `collections[].`, or empty. */
export function requireCountable(
  owner: string,
  { definition, documentStore }: { readonly definition: unknown; readonly documentStore: unknown },
): void {
  requireDefinition(`${owner}definition`, definition);
  requireDocumentStore(`${owner}documentStore`, ['list'], documentStore);
}
