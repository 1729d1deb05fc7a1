/** Finds envelopes where a definition declares no path. @module */
import type { AnyDefinition } from '../document/typed-document.js';
import { isPlainObject } from '../guards/guards.js';
import type { OutcomeOf } from '../run/run-event.js';
import {
  documentPages,
  identityOf,
  type AnyDocumentItem,
  type DocumentIdentity,
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
import { storedFieldsOf, type StoredFields } from '../run/stored-fields.js';
import type { DocumentStore } from '../store/document-store.js';
import type { ChargedEvent } from '../store/run-charge.js';

/** Documents; `scanned` is always the sum of `sound`, `affected` and `failed`. */
interface StrayEnvelopeCounts {
  readonly scanned: number;
  readonly sound: number;
  /** Documents with at least one stray envelope. */
  readonly affected: number;
  /** Unknown: an envelope at a declared path cannot be read, or the document is none. */
  readonly failed: number;
  /** Stray envelopes: a document may have several. */
  readonly strays: number;
}

interface DocumentEvent extends ChargedEvent {
  readonly key: DocumentIdentity;
  /** Counts so far, this document included. */
  readonly counts: StrayEnvelopeCounts;
}

interface StrayEnvelopesFoundEvent extends DocumentEvent {
  readonly type: 'stray';
  /** Where they are, in the form of declared paths, each pair once: the first hundred. */
  readonly envelopes: readonly { readonly path: string; readonly dekId: string }[];
}

interface StrayEnvelopesFailedEvent extends DocumentEvent {
  readonly type: 'failed';
  readonly error: unknown;
}

export interface StrayEnvelopesSummary extends StrayEnvelopeCounts, SearchSummary {
  readonly collection: string;
}

type StrayEnvelopesStepEvent = StrayEnvelopesFailedEvent | StrayEnvelopesFoundEvent;

export type StrayEnvelopesEvent =
  SearchFinishedEvent<StrayEnvelopesSummary> | StrayEnvelopesStepEvent;

type StrayFinding = Finding<StrayEnvelopeCounts, OutcomeOf<StrayEnvelopesStepEvent>>;

/**
 * Finds documents that hold envelopes of their own DEKs where the definition has neither a declared nor a
 * former path: another definition sealed them, or a client put them there. Mode `'strict'` refuses to read
 * such a document, and mode `'migrate'` passes them through sealed.
 *
 * Add the path of such an envelope to `former` where an earlier definition sealed it, and move the document
 * with `backfillDocuments`. Otherwise remove it from the document.
 *
 * Reads only, and needs no key. Nothing happens before the first `next()`. Every document is read once. These
 * are not found: an envelope inside a sealed value, one of another document, which is data there, and a
 * malformed one.
 *
 * @param encryption - A `FieldEncryptor`, or its product and store.
 * @param definition - Where a collection has several definitions, one that declares the paths of all.
 * @returns An event for each document with stray envelopes, and for each document that could not be checked.
 *   The last event is `finished` and carries the summary, which the generator also returns.
 * @throws TypeError or RangeError for invalid options. Errors of either store: a failed read says nothing
 *   about what is stored, so run it again. The signal's reason when it aborts.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import { createFieldEncryptor, defineDocument, EnvKeyProvider, findStrayEnvelopes } from '@bytelyst/field-encrypt';
 * import { MemoryDekStore, MemoryDocumentStore } from '@bytelyst/field-encrypt/testing';
 *
 * interface Note { id: string; titel?: string; title: string }
 *
 * const encryptor = createFieldEncryptor({
 *   product: 'notelett',
 *   keyProviders: [new EnvKeyProvider({ key: randomBytes(32).toString('base64') })],
 *   dekStore: new MemoryDekStore(),
 * });
 * const shape = { collection: 'notes', key: ['id'] } as const;
 * const before = defineDocument<Note>()({ ...shape, fields: ['titel', 'title'] });
 * const notes = new MemoryDocumentStore({ key: before.key });
 * await notes.create(await encryptor.encryptDocument(before, { id: '1', titel: 'Hi', title: 'Hi' }));
 * const note = defineDocument<Note>()({ ...shape, fields: ['title'] });
 * for await (const event of findStrayEnvelopes(encryptor, note, notes)) {
 *   if (event.type === 'stray') console.log(event.key, event.envelopes[0]?.path); // { id: '1' } titel
 *   if (event.type === 'failed') console.error(event.key, event.error);
 * }
 * ```
 */
export async function* findStrayEnvelopes(
  encryption: SearchedEncryption,
  definition: AnyDefinition,
  documentStore: DocumentStore<object>,
  options: SearchOptions = {},
): AsyncGenerator<StrayEnvelopesEvent, StrayEnvelopesSummary, void> {
  const context = documentSearchContext(encryption, definition, documentStore, {
    methods: ['list'],
    request: readSearchOptions(options).request,
  });
  return yield* search(context, {
    head: { product: context.product, collection: definition.collection },
    nothing: { scanned: 0, sound: 0, affected: 0, failed: 0, strays: 0 },
    pages: documentPages(context.documentStore, context.signal),
    check: (item) => Promise.resolve(findingOf(context, item)),
  });
}

function findingOf(context: DocumentSearchContext, { document }: AnyDocumentItem): StrayFinding {
  const key = isPlainObject(document) ? identityOf(context.definition, document) : {};
  try {
    const { strays } = storedFieldsOf(context, document);
    if (strays.length === 0) return { adds: { sound: 1 }, events: [] };
    const event = { type: 'stray', key, envelopes: placesOf(strays) } as const;
    return { adds: { affected: 1, strays: strays.length }, events: [event] };
  } catch (error) {
    return { adds: { failed: 1 }, events: [{ type: 'failed', key, error }] };
  }
}

const MOST_NAMED = 100;

function placesOf(
  strays: StoredFields['strays'],
): readonly { readonly path: string; readonly dekId: string }[] {
  const places = new Map<string, { readonly path: string; readonly dekId: string }>();
  for (const { path, dekId } of strays) {
    if (places.size === MOST_NAMED) break;
    places.set(JSON.stringify([path, dekId]), { path, dekId });
  }
  return [...places.values()];
}
