/** Finds documents whose DEK is missing. @module */
import type { AnyDefinition } from '../document/typed-document.js';
import { documentPages } from '../run/scanned-document.js';
import {
  documentSearchContext,
  readSearchOptions,
  search,
  type SearchedEncryption,
  type SearchOptions,
} from '../run/search.js';
import type { DocumentStore } from '../store/document-store.js';
import {
  checkForMissing,
  namedDeks,
  readNamedRows,
  type MissingDekCounts,
  type MissingDekEvent,
  type MissingDekFailedEvent,
  type MissingDeksEvent,
  type MissingDeksSummary,
  type MissingOutcome,
} from './missing-check.js';

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
  const { product, signal } = context;
  const { collection } = definition;
  return yield* search(context, {
    pages: documentPages(context.documentStore, signal),
    checks: async (items) => {
      const named = items.map((item) => namedDeks(context, item));
      const rows = await readNamedRows(context, named);
      return named.map((each) => () => checkForMissing(context, each, rows));
    },
    nothing: NOTHING,
    counted: withOutcome,
    eventsOf,
    summaryOf: (counts): MissingDeksSummary => ({ product, collection, ...counts }),
  });
}

const NOTHING: MissingDekCounts = {
  scanned: 0,
  sound: 0,
  affected: 0,
  skipped: 0,
  failed: 0,
  missing: 0,
};

function withOutcome(counts: MissingDekCounts, outcome: MissingOutcome): MissingDekCounts {
  const { type } = outcome;
  const missing = counts.missing + (type === 'affected' ? outcome.missing.length : 0);
  return { ...counts, scanned: counts.scanned + 1, [type]: counts[type] + 1, missing };
}

function* eventsOf(
  outcome: MissingOutcome,
  counts: MissingDekCounts,
): Generator<MissingDekEvent | MissingDekFailedEvent, void, void> {
  if (outcome.type === 'failed') yield { ...outcome, counts };
  if (outcome.type !== 'affected') return;
  const { key, missing } = outcome;
  for (const each of missing) yield { type: 'missing', key, ...each, counts };
}
