/** Finds documents whose DEK is missing. @module */
import { MOST_ATTEMPTS } from '../store/compare-and-set.js';
import { DistinctDeks } from '../dek/dek-bounds.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { contended } from '../errors/errors.js';
import { isLive, parseDekRow } from '../format/dek-row.js';
import { isPlainObject } from '../guards/guards.js';
import { storedFieldsOf } from '../run/stored-fields.js';
import type { OutcomeOf } from '../run/run-event.js';
import {
  documentPages,
  identityOf,
  type DocumentIdentity,
  lookUpDocument,
  type AnyDocumentItem,
} from '../run/scanned-document.js';
import {
  type DocumentSearchContext,
  documentSearchContext,
  type Finding,
  readSearchOptions,
  search,
  type SearchedEncryption,
  type SearchFinishedEvent,
  type SearchOptions,
  type SearchSummary,
} from '../run/search.js';
import type { StoredItem } from '../store/dek-store.js';
import type { DocumentStore } from '../store/document-store.js';
import type { ChargedEvent } from '../store/run-charge.js';

/** Documents; `scanned` is always the sum of `sound`, `affected`, `skipped` and `failed`. */
interface MissingDekCounts {
  readonly scanned: number;
  /** Every DEK that they name has a live row. */
  readonly sound: number;
  /** At least one DEK that they name is missing. */
  readonly affected: number;
  /** Documents that were deleted during the check. */
  readonly skipped: number;
  /** Unknown: an envelope in the document, or a row that it names, cannot be read. */
  readonly failed: number;
  /** Missing DEKs: one event for each, and a document may miss several. */
  readonly missing: number;
}

interface DocumentEvent extends ChargedEvent {
  readonly key: DocumentIdentity;
  /** Counts so far, this document included. */
  readonly counts: MissingDekCounts;
}

/** A DEK that a document needs and that has no live row. */
interface MissingDek {
  readonly dekId: string;
  /** The paths that it sealed in the document, declared or not: the first hundred. */
  readonly paths: readonly string[];
  /** `'absent'`: there is no row, restore it from a backup. `'shredded'`: permanently deleted, on purpose. */
  readonly reason: 'absent' | 'shredded';
}

interface MissingDekEvent extends DocumentEvent, MissingDek {
  readonly type: 'missing';
}

interface MissingDekFailedEvent extends DocumentEvent {
  readonly type: 'failed';
  readonly error: unknown;
}

export interface MissingDeksSummary extends MissingDekCounts, SearchSummary {
  readonly collection: string;
}

type MissingDekStepEvent = MissingDekEvent | MissingDekFailedEvent;

export type MissingDeksEvent = MissingDekStepEvent | SearchFinishedEvent<MissingDeksSummary>;

type MissingFinding = Finding<MissingDekCounts, OutcomeOf<MissingDekStepEvent>>;

/**
 * Finds documents that cannot be opened because a DEK that their envelopes name has no live row: it was
 * shredded, or it was lost and must be restored from a backup.
 *
 * Reads only. Nothing happens before the first `next()`. Documents are read once, and the rows that the
 * documents of a page name in one call. Before a missing DEK is reported, the row and then the document are
 * read again. It unwraps nothing: an existing row does not prove that it opens, which a dry run of
 * `rewrapAllDeks` does. Where reads of the store may lag, by its `readLagMs`, a DEK that was created within
 * that time may seem absent: run the search again before you restore anything.
 *
 * @param encryption - A `FieldEncryptor`, or its product and store.
 * @returns An event for each missing DEK of a document, and for each document that could not be checked. The
 *   last event is `finished` and carries the summary, which the generator also returns.
 * @throws TypeError or RangeError for invalid options. Errors of either store: a failed read says nothing
 *   about what is stored, so run it again. The signal's reason when it aborts.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import { createFieldEncryptor, defineDocument, EnvKeyProvider, findMissingDeks } from '@bytelyst/field-encrypt';
 * import { MemoryDekStore, MemoryDocumentStore } from '@bytelyst/field-encrypt/testing';
 *
 * const note = defineDocument<{ id: string; body: string }>()({
 *   collection: 'notes', key: ['id'], fields: ['body'],
 * });
 * const encryptor = createFieldEncryptor({
 *   product: 'notelett',
 *   keyProviders: [new EnvKeyProvider({ key: randomBytes(32).toString('base64') })],
 *   dekStore: new MemoryDekStore(),
 * });
 * const notes = new MemoryDocumentStore({ key: note.key });
 * await notes.create(await encryptor.encryptDocument(note, { id: '1', body: 'Hi' }));
 * await encryptor.shred(note, { id: '1' });
 * for await (const event of findMissingDeks(encryptor, note, notes)) {
 *   if (event.type === 'missing') console.log(event.key, event.reason); // { id: '1' } shredded
 *   if (event.type === 'failed') console.error(event.key, event.error);
 * }
 * ```
 */
export async function* findMissingDeks(
  encryption: SearchedEncryption,
  definition: AnyDefinition,
  documentStore: DocumentStore<object>,
  options: SearchOptions = {},
): AsyncGenerator<MissingDeksEvent, MissingDeksSummary, void> {
  const context = documentSearchContext(encryption, definition, documentStore, {
    methods: ['list', 'get'],
    request: readSearchOptions(options).request,
  });
  return yield* search(context, {
    head: { product: context.product, collection: definition.collection },
    nothing: { scanned: 0, sound: 0, affected: 0, skipped: 0, failed: 0, missing: 0 },
    pages: checkedPages(context),
    check: (document) => checkForMissing(context, document),
  });
}

async function* checkedPages(
  context: DocumentSearchContext,
): AsyncGenerator<readonly CheckedDocument[], void, void> {
  for await (const items of documentPages(context.documentStore, context.signal)) {
    yield await withRows(
      context,
      items.map((item) => namedDeks(context, item)),
    );
  }
}

/** A document as it was read, and where its DEKs are named; or why that is unknown. */
type NamedDeks = {
  readonly key: DocumentIdentity;
  readonly etag: string;
} & (
  { readonly pathsByDekId: ReadonlyMap<string, readonly string[]> } | { readonly error: unknown }
);

type Rows = ReadonlyMap<string, StoredItem>;

interface CheckedDocument {
  readonly document: NamedDeks;
  /** The rows that it names, as far as they were found. */
  readonly rows: Rows;
}

/** The most paths that are named for one DEK of one document; more than any definition needs. */
const MOST_PATHS = 100;

function namedDeks(context: DocumentSearchContext, { document, etag }: AnyDocumentItem): NamedDeks {
  const key = isPlainObject(document) ? identityOf(context.definition, document) : {};
  try {
    const fields = storedFieldsOf(context, document);
    const declared = fields.sealed.map(({ slot, envelope }) => ({
      ...envelope,
      path: slot.field.path,
    }));
    const named = [...declared, ...fields.strays];
    return { key, etag, pathsByDekId: pathsByDekIdOf(named) };
  } catch (error) {
    return { key, etag, error };
  }
}

/** @throws FieldEncryptionError `TOO_MANY_DEKS`. */
function pathsByDekIdOf(
  envelopes: readonly { readonly dekId: string; readonly path: string }[],
): ReadonlyMap<string, readonly string[]> {
  const named = new DistinctDeks();
  const pathsByDekId = new Map<string, Set<string>>();
  for (const { dekId, path } of envelopes) {
    named.add(dekId);
    const paths = pathsByDekId.get(dekId) ?? new Set();
    if (paths.size < MOST_PATHS) pathsByDekId.set(dekId, paths.add(path));
  }
  return new Map([...pathsByDekId].map(([dekId, paths]) => [dekId, [...paths]]));
}

/** Reads each DEK that the documents name once, however many documents name it. */
async function withRows(
  { dekStore, signal }: DocumentSearchContext,
  documents: readonly NamedDeks[],
): Promise<readonly CheckedDocument[]> {
  const dekIds = documents.flatMap((each) =>
    'error' in each ? [] : [...each.pathsByDekId.keys()],
  );
  const rows: Rows =
    dekIds.length === 0 ? new Map() : await dekStore.getMany([...new Set(dekIds)], { signal });
  return documents.map((document) => ({ document, rows }));
}

/**
 * A missing DEK counts only while the document still names it. Since it was read, the document may have been
 * deleted, or may have received a new DEK and its old one may have been shredded.
 *
 * @throws Errors of the stores. A failure of the document or a row alone is the outcome.
 */
async function checkForMissing(
  parts: DocumentSearchContext,
  first: CheckedDocument,
): Promise<MissingFinding> {
  const { documentStore, signal } = parts;
  let checked: CheckedDocument | undefined = first;
  for (let attempt = 0; checked && attempt < MOST_ATTEMPTS; attempt += 1) {
    const { key, etag } = checked.document;
    const found = await missingIn(parts, checked);
    if ('error' in found) return failed(key, found.error);
    if (found.missing.length === 0) return { adds: { sound: 1 }, events: [] };
    const again = await lookUpDocument(documentStore, key, signal);
    if (again === undefined) return { adds: { skipped: 1 }, events: [] };
    if (again.etag === etag) return affected(key, found.missing);
    [checked] = await withRows(parts, [namedDeks(parts, again)]);
  }
  const error = contended('Searching for the DEKs of a document', MOST_ATTEMPTS);
  return failed(first.document.key, error);
}

function affected(key: DocumentIdentity, missing: readonly MissingDek[]): MissingFinding {
  const events = missing.map((each) => ({ type: 'missing', key, ...each }) as const);
  return { adds: { affected: 1, missing: missing.length }, events };
}

function failed(key: DocumentIdentity, error: unknown): MissingFinding {
  return { adds: { failed: 1 }, events: [{ type: 'failed', key, error }] };
}

async function missingIn(
  { dekStore, signal }: DocumentSearchContext,
  { document, rows }: CheckedDocument,
): Promise<{ readonly missing: readonly MissingDek[] } | { readonly error: unknown }> {
  if ('error' in document) return document;
  const missing: MissingDek[] = [];
  for (const [dekId, paths] of document.pathsByDekId) {
    // A bulk read may lag, or may have been too early: only this read decides that a row is absent.
    const item = rows.get(dekId) ?? (await dekStore.get(dekId, { signal }));
    try {
      const reason = whyMissing(item, dekId);
      if (reason) missing.push({ dekId, paths, reason });
    } catch (error) {
      return { error };
    }
  }
  return { missing };
}

/** @throws The failure of the row. */
function whyMissing(item: StoredItem | undefined, dekId: string): MissingDek['reason'] | undefined {
  if (item === undefined) return 'absent';
  if (item.error) throw item.error;
  return isLive(parseDekRow(item.value, dekId)) ? undefined : 'shredded';
}
