/** The check before mode `strict`: no declared field may still be plaintext. @module */
import { signalIn, type CallOptions } from '../async/abort.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { FieldEncryptionError } from '../errors/errors.js';
import { readOptions } from '../guards/guards.js';
import type { DocumentStore } from '../store/document-store.js';
import { countPlaintext, requireCountable, type PlaintextCount } from './count-plaintext.js';

/** A collection, and the store of its documents. */
export interface BackfilledCollection {
  readonly definition: AnyDefinition;
  readonly documentStore: DocumentStore<object>;
}

interface Unfinished extends PlaintextCount {
  readonly collection: string;
}

/**
 * Rejects while any declared field of these collections is plaintext: the check between mode `'migrate'` and
 * mode `'strict'` for encryptors from `createFieldEncryptor`. `initEncryption` makes this check where
 * `FIELD_ENCRYPT_REQUIRE_BACKFILLED` is `true`.
 *
 * Scans every collection to its end, one after the other, as {@link countPlaintext} does.
 *
 * @throws FieldEncryptionError `BACKFILL_UNFINISHED` with the counts of every unfinished collection: run
 *   `backfillDocuments` until it is complete, and read in mode `'migrate'` until then. Errors of a store: the
 *   result is unknown - try again. TypeError for an empty list; TypeError or RangeError for invalid parts and
 *   options.
 *
 * @example
 * ```ts
 * import { defineDocument, isFieldEncryptionError, requireBackfilled } from '@bytelyst/field-encrypt';
 * import { MemoryDocumentStore } from '@bytelyst/field-encrypt/testing';
 *
 * const note = defineDocument<{ id: string; body: string }>()({
 *   collection: 'notes', key: ['id'], fields: ['body'],
 * });
 * const notes = new MemoryDocumentStore({ key: note.key });
 * await notes.create({ id: '1', body: 'Hi' });
 * try {
 *   await requireBackfilled([{ definition: note, documentStore: notes }]);
 * } catch (error) {
 *   if (isFieldEncryptionError(error)) console.log(error.code); // BACKFILL_UNFINISHED
 * }
 * ```
 */
export async function requireBackfilled(
  collections: readonly BackfilledCollection[],
  options?: CallOptions,
): Promise<void> {
  const signal = signalIn(options);
  requireCollections(collections);
  const unfinished: Unfinished[] = [];
  for (const { definition, documentStore } of collections) {
    const count = await countPlaintext(definition, documentStore, { signal });
    const { collection } = definition;
    if (count.fields > 0) unfinished.push({ collection, ...count });
  }
  if (unfinished.length > 0) throw backfillUnfinished(unfinished);
}

/** An empty list would pass without proving anything. */
function requireCollections(collections: readonly BackfilledCollection[]): void {
  const isList: boolean = Array.isArray(collections);
  if (!isList || collections.length === 0) {
    throw new TypeError('"collections" expected a list with at least one entry');
  }
  for (const each of collections) {
    readOptions(each, ['definition', 'documentStore'], 'collections[]');
    requireObject('collections[].definition', each.definition);
    requireObject('collections[].documentStore', each.documentStore);
    requireCountable('collections[].', each);
  }
}

function requireObject(name: string, value: unknown): void {
  if (typeof value === 'object' && value !== null) return;
  throw new TypeError(`"${name}" expected an object`);
}

function backfillUnfinished(unfinished: readonly Unfinished[]): FieldEncryptionError {
  const counts = unfinished.map(
    ({ collection, fields, documents, scanned }) =>
      `"${collection}" has ${String(fields)} in ${String(documents)} of ${String(scanned)} documents`,
  );
  return new FieldEncryptionError(
    'BACKFILL_UNFINISHED',
    `Declared fields are still plaintext: ${counts.join(', ')}; run backfillDocuments until it is complete, and start with FIELD_ENCRYPT_MODE=migrate and without FIELD_ENCRYPT_REQUIRE_BACKFILLED until then`,
  );
}
