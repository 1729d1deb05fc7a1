/** Finds DEK rows whose document is deleted. @module */
import type { AnyDefinition } from '../document/typed-document.js';
import { isLive, type DekRow, type LiveDekRow } from '../format/dek-row.js';
import { requireIntegerBetween } from '../guards/guards.js';
import { dekRowPages, idOf, rowIn } from '../run/change-row.js';
import type { OutcomeOf } from '../run/run-event.js';
import { type DocumentIdentity, lookUpDocument } from '../run/scanned-document.js';
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

/** Rows of the product; `scanned` is always the sum of the others. */
interface OrphanDekCounts {
  readonly scanned: number;
  /** Rows whose document is deleted. */
  readonly orphans: number;
  /** Rows whose document exists. */
  readonly present: number;
  /** Younger than `minAgeMs`: their document may not be written yet. */
  readonly young: number;
  /** Tombstones, rows of other collections, and rows of shared scopes. */
  readonly skipped: number;
  /** Unknown: the row cannot be read, or its document could not be read. */
  readonly failed: number;
}

interface RowEvent extends ChargedEvent {
  readonly dekId: string;
  /** Counts so far, this row included. */
  readonly counts: OrphanDekCounts;
}

/** The row's document is deleted, and the row is not. */
interface OrphanDekEvent extends RowEvent {
  readonly type: 'orphan';
  /** The key of the deleted document. */
  readonly key: DocumentIdentity;
  readonly state: LiveDekRow['state'];
  readonly createdAt: string;
}

interface OrphanDekFailedEvent extends RowEvent {
  readonly type: 'failed';
  readonly error: unknown;
}

export interface OrphanDeksSummary extends OrphanDekCounts, SearchSummary {
  readonly collection: string;
}

type OrphanDekStepEvent = OrphanDekEvent | OrphanDekFailedEvent;

export type OrphanDeksEvent = OrphanDekStepEvent | SearchFinishedEvent<OrphanDeksSummary>;

type OrphanFinding = Finding<OrphanDekCounts, OutcomeOf<OrphanDekStepEvent>>;

export interface FindOrphanDeksOptions extends SearchOptions {
  /**
   * Rows younger than this are skipped: a DEK is created before its document is written. 0 or more, by the
   * wall clock.
   *
   * @default 3 600 000
   */
  readonly minAgeMs?: number;
}

const DEFAULT_MIN_AGE_MS = 3_600_000;

/**
 * Finds DEKs that outlived their document: it was deleted, and `shred` was not called.
 *
 * Reads only. Nothing happens before the first `next()`. Every row of the product is read once, and for each
 * live row of the collection its document is read by the key in the row's `scope`. Rows younger than
 * `minAgeMs` are skipped, because a DEK is created before its document is written.
 *
 * An orphan is an orphan at the moment of the read: a document may be written again under its old key, with
 * its old DEK. Shred an orphan only where that is ruled out; a shred cannot be undone.
 *
 * @param encryption - A `FieldEncryptor`, or its parts.
 * @param definition - The definition of the collection, with the key that its documents were encrypted with.
 * @param documentStore - All documents of the collection: documents that are stored elsewhere seem deleted.
 * @returns An event for each orphan and for each row that could not be checked. The last event is `finished`
 *   and carries the summary, which the generator also returns: while `failed` is not 0, there may be more
 *   orphans.
 * @throws TypeError or RangeError for invalid options. Errors of the DEK store where it cannot list: run it
 *   again. The signal's reason when it aborts.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import { createFieldEncryptor, defineDocument, EnvKeyProvider, findOrphanDeks } from '@bytelyst/field-encrypt';
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
 * await encryptor.encryptDocument(note, { id: '1', body: 'Never stored' });
 * for await (const event of findOrphanDeks(encryptor, note, notes, { minAgeMs: 0 })) {
 *   if (event.type === 'orphan') console.log(event.key); // { id: '1' }
 *   if (event.type === 'failed') console.error(event.dekId, event.error);
 * }
 * ```
 */
export async function* findOrphanDeks(
  encryption: SearchedEncryption,
  definition: AnyDefinition,
  documentStore: DocumentStore<object>,
  options: FindOrphanDeksOptions = {},
): AsyncGenerator<OrphanDeksEvent, OrphanDeksSummary, void> {
  const { own, request } = readSearchOptions(options, ['minAgeMs']);
  const { minAgeMs = DEFAULT_MIN_AGE_MS } = own;
  requireIntegerBetween('minAgeMs', minAgeMs, 0, Number.MAX_SAFE_INTEGER);
  const context = documentSearchContext(encryption, definition, documentStore, {
    methods: ['get'],
    request,
  });
  const { product, dekStore, signal } = context;
  const parts = { ...context, minAgeMs };
  return yield* search(context, {
    head: { product, collection: definition.collection },
    nothing: { scanned: 0, orphans: 0, present: 0, young: 0, skipped: 0, failed: 0 },
    pages: dekRowPages(dekStore, { product }, signal),
    check: (item) => checkForOrphan(parts, item),
  });
}

interface OrphanCheckParts extends DocumentSearchContext {
  readonly minAgeMs: number;
}

/** @throws The signal's reason; any other failure is the row's outcome. */
async function checkForOrphan(parts: OrphanCheckParts, item: StoredItem): Promise<OrphanFinding> {
  try {
    return await findingOf(parts, item);
  } catch (error) {
    parts.signal?.throwIfAborted();
    return { adds: { failed: 1 }, events: [{ type: 'failed', dekId: idOf(item), error }] };
  }
}

async function findingOf(parts: OrphanCheckParts, item: StoredItem): Promise<OrphanFinding> {
  const { product, definition, documentStore, signal } = parts;
  const row = rowIn(item, product);
  if (!isOwnRow(row, definition)) return { adds: { skipped: 1 }, events: [] };
  const key = keyIn(row, definition);
  if (isYoung(row, parts)) return { adds: { young: 1 }, events: [] };
  if (await lookUpDocument(documentStore, key, signal)) return { adds: { present: 1 }, events: [] };
  return goneDocument(parts, row.id, key);
}

/**
 * Reads the row again: a caller that deletes a document shreds its DEK after that, and may have done both
 * since the page was read.
 */
async function goneDocument(
  { product, dekStore, signal }: OrphanCheckParts,
  dekId: string,
  key: DocumentIdentity,
): Promise<OrphanFinding> {
  const item = await dekStore.get(dekId, { signal });
  const row = item && rowIn(item, product);
  if (!row || !isLive(row)) return { adds: { skipped: 1 }, events: [] };
  const { state, createdAt } = row;
  return { adds: { orphans: 1 }, events: [{ type: 'orphan', dekId, key, state, createdAt }] };
}

function isOwnRow(row: DekRow, { collection }: AnyDefinition): row is LiveDekRow {
  return isLive(row) && row.scopeKind === 'document' && row.scope[0] === collection;
}

function keyIn({ id, scope }: LiveDekRow, { key, collection }: AnyDefinition): DocumentIdentity {
  const parts = scope.slice(1);
  if (parts.length !== key.length) {
    throw new RangeError(
      `DEK row ${id} names a document of "${collection}" by ${String(parts.length)} key parts, and the definition has ${String(key.length)}: pass the definition that the document was encrypted with`,
    );
  }
  return Object.fromEntries(key.map((name, index) => [name, parts[index] as string]));
}

/** A row from the future counts as young: some clock is wrong, and waiting loses nothing. */
function isYoung({ createdAt }: LiveDekRow, { clock, minAgeMs }: OrphanCheckParts): boolean {
  return clock.wallMs() - Date.parse(createdAt) < minAgeMs;
}
