/** Finds DEK rows whose document is deleted. @module */
import type { AnyDefinition } from '../document/typed-document.js';
import { requireIntegerBetween } from '../guards/guards.js';
import { dekRowPages } from '../run/change-row.js';
import {
  documentSearchContext,
  readSearchOptions,
  search,
  type SearchedEncryption,
  type SearchOptions,
} from '../run/search.js';
import type { DocumentStore } from '../store/document-store.js';
import {
  checkForOrphan,
  type OrphanDekCounts,
  type OrphanDekEvent,
  type OrphanDekFailedEvent,
  type OrphanDeksEvent,
  type OrphanDeksSummary,
  type OrphanOutcome,
} from './orphan-check.js';

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
  const { collection } = definition;
  const parts = { ...context, minAgeMs };
  return yield* search(context, {
    pages: dekRowPages(dekStore, { product }, signal),
    checks: (items) => Promise.resolve(items.map((item) => () => checkForOrphan(parts, item))),
    nothing: NOTHING,
    counted: withOutcome,
    eventsOf,
    summaryOf: (counts): OrphanDeksSummary => ({ product, collection, ...counts }),
  });
}

const NOTHING: OrphanDekCounts = {
  scanned: 0,
  orphans: 0,
  present: 0,
  young: 0,
  skipped: 0,
  failed: 0,
};

function withOutcome(counts: OrphanDekCounts, { type }: OrphanOutcome): OrphanDekCounts {
  const name = type === 'orphan' ? 'orphans' : type;
  return { ...counts, scanned: counts.scanned + 1, [name]: counts[name] + 1 };
}

function* eventsOf(
  outcome: OrphanOutcome,
  counts: OrphanDekCounts,
): Generator<OrphanDekEvent | OrphanDekFailedEvent, void, void> {
  if (outcome.type === 'orphan' || outcome.type === 'failed') yield { ...outcome, counts };
}
