/** Moves documents to another collection or key. @module */
import type { AnyDefinition } from '../document/typed-document.js';
import { contended } from '../errors/errors.js';
import { readOptions, requireBoolean, requireFunction } from '../guards/guards.js';
import { requireDefinition, requireDocumentStore } from '../run/required-parts.js';
import type { EncryptionContext } from '../run/run-context.js';
import type { RunTally } from '../run/passes.js';
import { type AnyDocumentStore, meteredDocumentStore } from '../run/scanned-document.js';
import { type DocumentStore, refuseReservedFields } from '../store/document-store.js';
import { type DocumentPasses, documentPasses } from './document-passes.js';
import { DocumentMover, type MoveDocument } from './document-mover.js';
import { LeftScopes } from './left-scopes.js';
import { migrateDocuments } from './migrate-documents.js';
import type { MigrationEvent, MigrationSummary } from './migration-event.js';
import {
  type MigrationContext,
  type MigrationOptions,
  type MigrationRequest,
  readMigrationOptions,
} from './migration-options.js';

/** A collection that documents are moved from or to, and the store of its documents. */
export interface MovedCollection {
  readonly definition: AnyDefinition;
  readonly documentStore: DocumentStore<object>;
}

export interface MoveDocumentsOptions extends MigrationOptions {
  /**
   * Gives each document its new key parts and shape: it receives the decrypted document, and returns the one
   * that `to` describes. It has to return the same for the same document: it is called again after a lost
   * race or a crash. @default the document as it is
   */
  readonly move?: MoveDocument;
  /**
   * Shreds the old DEKs once no document names them any more: backups of the old documents then cannot be
   * read. With `false` they stay `retired`; a later run with `true` shreds them. @default true
   */
  readonly shred?: boolean;
}

const MOST_ROUNDS = 8;
const COLLECTION: readonly (keyof MovedCollection)[] = ['definition', 'documentStore'];

/**
 * Moves every document of a collection to another collection name or another key: each is decrypted under
 * `from`, encrypted under `to`, stored in the new place, and deleted in the old one; then its old DEKs are
 * shredded.
 *
 * Ciphertexts and DEKs are bound to the collection name and the values of the key parts. So two collections
 * need two names: a definition with another key needs another name too, or one document could get the DEK of
 * another. The table may stay the same. Where a document has the same place in both stores, it is replaced in
 * one write; else it is created in the new place before it is deleted in the old one.
 *
 * First let all processes read in both places, the new one first, and write only in the new one. Then run
 * this. A document is readable in one of the places at any time. The old DEKs are retired first, which still
 * opens the document. An edit in the old place that comes in between is moved too, as long as nothing else
 * has changed the new document.
 *
 * Scans are repeated until one finds nothing to move. Then, unless `shred` is false, it waits one whole
 * `fenceTtlMs`, and longer where reads of the store lag, and shreds the DEKs of the old collection that seal
 * no more and that no document in `from` names; and scans once more. It finds them by their rows, and so
 * finishes what a crash left.
 *
 * It stops and resumes like {@link backfillDocuments}, and has the lease of the old collection. A document in
 * the new place with the same content counts as moved before, and the old one is deleted.
 *
 * @param encryption - A `FieldEncryptor`, or its parts.
 * @param from - Where the documents are.
 * @param to - Where they go: a definition with another collection name, and its store, or the same store.
 * @returns Events as they happen, like those of {@link backfillDocuments}; `key` is the old key. A document
 *   fails, and stays in the old place, where it cannot be opened; with `DEFINITION_MISMATCH` where text that
 *   was sealed would be stored in clear; and with `ALREADY_EXISTS` where another document is in the new
 *   place: compare both, and delete one with `deleteDocument`. An `unchanged` event with `shredded` is about
 *   DEKs whose document has left the old place.
 * @throws TypeError or RangeError for invalid options, and with `enabled: false`.
 * @throws FieldEncryptionError What {@link backfillDocuments} throws.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import { createFieldEncryptor, defineDocument, EnvKeyProvider, moveDocuments } from '@bytelyst/field-encrypt';
 * import { MemoryDekStore, MemoryDocumentStore } from '@bytelyst/field-encrypt/testing';
 *
 * interface Note { id: string; body: string }
 * const shape = { key: ['id'], fields: ['body'] } as const;
 * const note = defineDocument<Note>()({ ...shape, collection: 'notes' });
 * const entry = defineDocument<Note>()({ ...shape, collection: 'entries' });
 * const encryptor = createFieldEncryptor({
 *   product: 'notelett',
 *   keyProviders: [new EnvKeyProvider({ key: randomBytes(32).toString('base64') })],
 *   dekStore: new MemoryDekStore(),
 *   fenceTtlMs: 1_000,
 * });
 * const documentStore = new MemoryDocumentStore({ key: note.key });
 * await documentStore.create(await encryptor.encryptDocument(note, { id: '1', body: 'Hi' }));
 * const [from, to] = [{ definition: note, documentStore }, { definition: entry, documentStore }];
 * for await (const event of moveDocuments(encryptor, from, to)) {
 *   if (event.type === 'failed') console.error(event.key, event.error);
 *   if (event.type === 'finished') console.log(event.summary.changed, event.summary.complete); // 1 true
 * }
 * ```
 */
export async function* moveDocuments(
  encryption: EncryptionContext,
  from: MovedCollection,
  to: MovedCollection,
  options: MoveDocumentsOptions = {},
): AsyncGenerator<MigrationEvent, MigrationSummary, void> {
  const request = readMoveOptions(options);
  const old = readFrom(from);
  const target = readTo(to);
  requireOtherName(old.definition, target.definition);
  const outcome = { mayHaveLeft: false };
  let lastTally: RunTally | undefined;
  return yield* migrateDocuments({
    run: 'moveDocuments',
    kind: 'move',
    enabled: true,
    encryption,
    ...old,
    request,
    work: (context, tally) => {
      lastTally = tally;
      return moveAll(context, tally, { ...request, to: target, outcome });
    },
    conclusion: () => ({ complete: lastTally?.isClean === true && !outcome.mayHaveLeft }),
  });
}

interface MoveRequest extends MigrationRequest {
  readonly move: MoveDocument | undefined;
  readonly shred: boolean;
}

interface MoveParts extends MoveRequest {
  readonly to: MovedCollection;
  /** Set where a scope could not be shredded. */
  readonly outcome: { mayHaveLeft: boolean };
}

async function* moveAll(
  context: MigrationContext,
  tally: RunTally,
  { to, move, shred, dryRun, outcome }: MoveParts,
): DocumentPasses {
  const store = meteredDocumentStore({
    store: to.documentStore as AnyDocumentStore,
    onRequestCharge: context.charge.add,
    beforeWrite: context.requireLease,
  });
  const mover = new DocumentMover(context, { definition: to.definition, store, move });
  const left = new LeftScopes(context);
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const purpose = round === 0 ? 'change' : 'verify';
    yield* documentPasses(context, tally, dryRun ? mover.dryRun : mover.settle, purpose);
    if (dryRun || !shred) return;
    const hasMore = yield* left.shred(tally);
    outcome.mayHaveLeft ||= left.hasFailed;
    if (!hasMore) return;
  }
  throw contended(`Moving "${context.definition.collection}"`, MOST_ROUNDS);
}

function readMoveOptions(options: MoveDocumentsOptions): MoveRequest {
  const { own, request } = readMigrationOptions(options, ['move', 'shred']);
  const { move, shred = true } = own;
  if (move !== undefined) requireFunction('move', move);
  requireBoolean('shred', shred);
  return { ...request, move, shred };
}

function readFrom(from: MovedCollection): MovedCollection {
  const { definition, documentStore } = readOptions(from, COLLECTION, 'from');
  requireDefinition('from.definition', definition);
  const methods = ['list', 'get', 'replace', 'delete', 'count'] as const;
  requireDocumentStore('from.documentStore', methods, documentStore);
  return { definition, documentStore };
}

function readTo(to: MovedCollection): MovedCollection {
  const { definition, documentStore } = readOptions(to, COLLECTION, 'to');
  requireDefinition('to.definition', definition);
  requireDocumentStore('to.documentStore', ['get', 'create', 'replace'], documentStore);
  refuseReservedFields(documentStore, definition);
  return { definition, documentStore };
}

/** Otherwise the old scope of one document may be the new scope of another, and would be shredded. */
function requireOtherName(from: AnyDefinition, to: AnyDefinition): void {
  if (from.collection !== to.collection) return;
  throw new RangeError(
    `"from" and "to" both have the collection "${to.collection}": give "to" another name, also where only the key changes; the table may stay the same`,
  );
}
