/** Encrypts what is still plaintext, beside live traffic. @module */
import type { AnyDefinition } from '../document/typed-document.js';
import type { EncryptionContext } from '../run/run-context.js';
import type { AnyDocument } from '../run/scanned-document.js';
import type { DocumentStore } from '../store/document-store.js';
import { type DocumentRewrite, rewriteDocuments } from './document-passes.js';
import { migrateDocuments } from './migrate-documents.js';
import type { MigrationEvent, MigrationSummary } from './migration-event.js';
import {
  type MigrationContext,
  readMigrationOptions,
  type MigrationOptions,
} from './migration-options.js';
import {
  hasToMove,
  requireAllReplaced,
  requireNoStray,
  storedFieldsOf,
} from '../run/stored-fields.js';
import { requireStorable, upgradedDocument, type UpgradeDocument } from './upgrade-document.js';
import { requireFunction, requireOneOf } from '../guards/guards.js';

export interface BackfillOptions extends MigrationOptions {
  /**
   * Renames and reshapes each document on the way: needed where envelopes are at former paths whose place no
   * declared path takes. @default none
   */
  readonly upgrade?: UpgradeDocument;
  /**
   * `'opening'`: only documents with an envelope at a path in stage `opening`, the way out of encryption.
   *
   * @default every document that does not fit the definition
   */
  readonly stage?: 'opening';
}

/**
 * Encrypts every declared field of a collection that is still plaintext, beside live traffic; and brings
 * documents of earlier definitions to the current one.
 *
 * Nothing happens before the first `next()`, and when you stop pulling only the documents in flight are
 * finished. Stop at any point, by leaving the loop, by the signal or by a crash, and run it again: it
 * continues from there, and another run of a finished one writes nothing.
 *
 * First let every writer encrypt, with readers in mode `'migrate'`; then run this; then switch readers to
 * `'strict'`. For each document, plaintext is sealed under the document's own DEK, sealed values stay
 * unchanged, and the document is replaced under the etag that was read. A concurrent edit wins: the document
 * is then read and checked again. Scans are repeated until one finds nothing to do.
 *
 * Where the definition changed: an envelope at a path in stage `opening` is stored in clear, and what is under
 * a former path is sealed under the declared path that took its place. Where none did, pass `upgrade`: it
 * receives the decrypted document, and returns it as the definition expects it. Unchanged fields keep their
 * envelopes. A document fails with `DEFINITION_MISMATCH` where text that was sealed would be stored in clear
 * at a place that is not declared; of other values only those left at a former path are refused.
 *
 * Only one migration at a time works on a collection. While another one is alive, this one is refused; the
 * lease of a dead one is taken over after a whole period without a heartbeat, which `lease` events count
 * down. It can safely run beside `rewrapAllDeks`.
 *
 * @param encryption - A `FieldEncryptor`, or its parts.
 * @returns Events as they happen. The last one is `finished` and carries the summary, which the generator
 *   also returns: check `complete`, and the `failed` events before it. A document that cannot be encrypted,
 *   because JSON cannot hold a value or the store accepts no item of this size, is a `failed` event and stays
 *   unchanged.
 * @throws TypeError or RangeError for invalid options, and with `enabled: false`.
 * @throws FieldEncryptionError `MIGRATION_UNDER_WAY`: wait for the other run; `MIGRATION_SUPERSEDED`: another
 *   run took over, as this one had paused for too long; `CONTENDED`: some process keeps writing plaintext.
 *   Errors of the stores where they cannot list: run it again. The signal's reason when it aborts.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import { backfillDocuments, createFieldEncryptor, defineDocument, EnvKeyProvider } from '@bytelyst/field-encrypt';
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
 * await notes.create({ id: '1', body: 'still plain' });
 * const options = { allowEmpty: true }; // the first one: nothing is encrypted yet
 * for await (const event of backfillDocuments(encryptor, note, notes, options)) {
 *   if (event.type === 'failed') console.error(event.key, event.error);
 *   if (event.type === 'finished') console.log(event.summary.changed, event.summary.complete); // 1 true
 * }
 * ```
 */
export async function* backfillDocuments(
  encryption: EncryptionContext,
  definition: AnyDefinition,
  documentStore: DocumentStore<object>,
  options: BackfillOptions = {},
): AsyncGenerator<MigrationEvent, MigrationSummary, void> {
  const { own, request } = readMigrationOptions(options, ['upgrade', 'stage']);
  const { upgrade, stage } = own;
  if (upgrade !== undefined) requireFunction('upgrade', upgrade);
  if (stage !== undefined) requireOneOf('stage', stage, ['opening']);
  return yield* migrateDocuments({
    run: 'backfillDocuments',
    kind: 'backfill',
    enabled: true,
    encryption,
    definition,
    documentStore,
    request,
    work: (context, tally) =>
      rewriteDocuments(context, tally, (document) => nextOf(context, document, { upgrade, stage })),
  });
}

type Ways = Pick<BackfillOptions, 'stage' | 'upgrade'>;

/** `undefined` where the document fits the definition. */
async function nextOf(
  context: MigrationContext,
  document: AnyDocument,
  { stage, upgrade }: { readonly [Name in keyof Ways]-?: Ways[Name] | undefined },
): Promise<DocumentRewrite | undefined> {
  const { definition, reader, request } = context;
  const fields = storedFieldsOf(context, document);
  requireNoStray(fields);
  if (stage === 'opening' && fields.toOpen === 0) return undefined;
  if (!hasToMove(fields)) return undefined;
  if (!upgrade) requireAllReplaced(fields);
  const next = upgrade
    ? await upgradedDocument(context, { document, fields }, { upgrade })
    : { document, fields: fields.plain + fields.misplaced };
  if (request.dryRun) {
    // Called for their refusals: the document can be sealed, and stored with its other properties.
    await requireStorable(context, next.document);
    if (fields.sealed.length > 0) await reader.read(definition, document);
  }
  return next;
}
