/** Restores plaintext in a collection, to stop using the library. @module */
import { draftOf } from '../document/document-draft.js';
import type { AnyDefinition } from '../document/typed-document.js';
import type { DocumentStore } from '../store/document-store.js';
import { type DocumentRewrite, rewriteDocuments } from './document-passes.js';
import type { AnyDocument } from '../run/scanned-document.js';
import { migrateDocuments } from './migrate-documents.js';
import type { EncryptionContext } from '../run/run-context.js';
import {
  type MigrationContext,
  readMigrationOptions,
  type MigrationOptions,
} from './migration-options.js';
import type { MigrationEvent, MigrationSummary } from './migration-event.js';
import { requireNoStray, storedFieldsOf } from '../run/stored-fields.js';

/**
 * Decrypts every declared field of a collection in place, beside live traffic.
 *
 * First switch every process to `enabled: false` (`FIELD_ENCRYPT_ENABLED=false`), which writes plaintext and
 * reads both. Then run this, with an encryption context that is also disabled and has its keys. It runs,
 * stops and resumes like {@link backfillDocuments}, and shares its lease.
 *
 * DEKs are kept, so that backups stay readable: shred them once the backups have expired.
 *
 * @param encryption - A `FieldEncryptor` with `enabled: false`, or its parts.
 * @returns Events as they happen, like those of {@link backfillDocuments}. A document that cannot be opened,
 *   holds bytes, which JSON cannot represent, or has an envelope where no field is declared, is a `failed`
 *   event and stays unchanged.
 * @throws TypeError or RangeError for invalid options, and with `enabled: true`.
 * @throws FieldEncryptionError What {@link backfillDocuments} throws.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import { createFieldEncryptor, defineDocument, EnvKeyProvider, removeEncryption } from '@bytelyst/field-encrypt';
 * import { MemoryDekStore, MemoryDocumentStore } from '@bytelyst/field-encrypt/testing';
 *
 * const note = defineDocument<{ id: string; body: string }>()({
 *   collection: 'notes', key: ['id'], fields: ['body'],
 * });
 * const parts = {
 *   product: 'notelett',
 *   keyProviders: [new EnvKeyProvider({ key: randomBytes(32).toString('base64') })],
 *   dekStore: new MemoryDekStore(),
 * };
 * const notes = new MemoryDocumentStore({ key: note.key });
 * await notes.create(await createFieldEncryptor(parts).encryptDocument(note, { id: '1', body: 'Hi' }));
 * for await (const event of removeEncryption({ ...parts, enabled: false }, note, notes)) {
 *   if (event.type === 'finished') console.log((await notes.get({ id: '1' }))?.document); // { id: '1', body: 'Hi' }
 * }
 * ```
 */
export async function* removeEncryption(
  encryption: EncryptionContext,
  definition: AnyDefinition,
  documentStore: DocumentStore<object>,
  options: MigrationOptions = {},
): AsyncGenerator<MigrationEvent, MigrationSummary, void> {
  const { request } = readMigrationOptions(options);
  return yield* migrateDocuments({
    run: 'removeEncryption',
    kind: 'remove-encryption',
    enabled: false,
    encryption,
    definition,
    documentStore,
    request,
    work: (context, tally) =>
      rewriteDocuments(context, tally, (document) => openedOf(context, document)),
  });
}

/** `undefined` where nothing is sealed. */
async function openedOf(
  context: MigrationContext,
  document: AnyDocument,
): Promise<DocumentRewrite | undefined> {
  const { definition, reader } = context;
  const stored = storedFieldsOf(context, document);
  requireNoStray(stored);
  const fields = stored.sealed.length;
  if (fields === 0) return undefined;
  const opened = await reader.read(definition, document);
  for (const { value, field } of draftOf(opened, definition).slots) {
    if (value instanceof Uint8Array) throw bytesAt(field.path);
  }
  return { document: opened, fields };
}

function bytesAt(path: string): TypeError {
  return new TypeError(
    `The value at "${path}" is bytes, which have no plaintext form in a document: replace them with text before you remove encryption`,
  );
}
