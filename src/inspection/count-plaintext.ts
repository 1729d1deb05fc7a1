/** Counts what a backfill still has to do, and requires that nothing is left. @module */
import { documentPages, type AnyDocumentStore } from '../run/scanned-document.js';
import { plaintextPaths } from '../cipher/reported-reads.js';
import { type DocumentDraft, draftOf } from '../document/document-draft.js';
import type { FieldStage } from '../document/field-tree.js';
import { clearFormerPath } from '../cipher/former-fields.js';
import { looksLikeEnvelope } from '../format/key-scope.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { signalIn, type CallOptions, unlessAborted } from '../async/abort.js';
import { FieldEncryptionError } from '../errors/errors.js';
import { readOptions } from '../guards/guards.js';
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
  /**
   * Each path that is on its way: former paths, and those in stage `sealing` or `opening`. Absent where the
   * definition has none.
   */
  readonly paths?: readonly PathCount[];
}

/** What is left at one path. A step is done where the count that it has to bring down is 0. */
export interface PathCount {
  readonly path: string;
  readonly stage: FieldStage | 'former';
  /** Values in clear, at most one of a document for a former path: `sealing` is over at 0. */
  readonly plain: number;
  /** Envelopes: `opening`, and a former path, are over at 0. */
  readonly sealed: number;
}

/**
 * Counts the declared fields that are still plaintext, in one scan over the collection; and what is left at
 * each path that is on its way in or out of encryption.
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
  const paths = new PathCounts(definition);
  for await (const items of documentPages(documentStore, signal)) {
    for (const { document } of items) {
      const draft = draftOf(document, definition);
      const plain = plaintextPaths(draft).length;
      if (plain > 0) documents += 1;
      fields += plain;
      scanned += 1;
      paths.add(draft);
    }
  }
  const onTheirWay = paths.counts;
  return { documents, fields, scanned, ...(onTheirWay.length > 0 && { paths: onTheirWay }) };
}

interface Count {
  plain: number;
  sealed: number;
}

/** Counts the paths that are on their way in or out of encryption. */
class PathCounts {
  readonly #stages = new Map<string, FieldStage | 'former'>();
  readonly #counts = new Map<string, Count>();

  constructor({ fields, stages, former }: AnyDefinition) {
    for (const path of fields) {
      const stage = stages[path];
      if (stage !== undefined && stage !== 'sealed') this.#stages.set(path, stage);
    }
    for (const path of former) this.#stages.set(path, 'former');
    for (const path of this.#stages.keys()) this.#counts.set(path, { plain: 0, sealed: 0 });
  }

  get counts(): readonly PathCount[] {
    return [...this.#stages].map(([path, stage]) => ({
      path,
      stage,
      ...(this.#counts.get(path) as Count),
    }));
  }

  add(draft: DocumentDraft): void {
    if (this.#counts.size === 0) return;
    const { slots, former, misshapen, shape } = draft;
    const clear = clearFormerPath(draft);
    const path = shape.formerPaths.fields.find(
      (field) => clear !== undefined && isAtOrInside(clear, field.path),
    )?.path;
    if (path !== undefined) this.#add(path, 'plain');
    for (const { field, value } of [...slots, ...former]) {
      if (value !== undefined) this.#add(field.path, looksLikeEnvelope(value) ? 'sealed' : 'plain');
    }
    for (const { path } of misshapen) {
      for (const known of this.#counts.keys()) {
        if (isAtOrInside(known, path)) this.#add(known, 'plain');
      }
    }
  }

  #add(path: string, what: keyof Count): void {
    const count = this.#counts.get(path);
    if (count) count[what] += 1;
  }
}

function isAtOrInside(path: string, container: string): boolean {
  const inside = [`${container}.`, `${container}[]`];
  return path === container || inside.some((start) => path.startsWith(start));
}

/** @internal @param owner - The owner of the parts in messages, `collections[].`, or empty. */
function requireCountable(
  owner: string,
  { definition, documentStore }: { readonly definition: unknown; readonly documentStore: unknown },
): void {
  requireDefinition(`${owner}definition`, definition);
  requireDocumentStore(`${owner}documentStore`, ['list'], documentStore);
}

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
