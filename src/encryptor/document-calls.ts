/** Calls of an encryptor for whole documents and lists of them. @module */
import { signalIn, type CallOptions, unlessAborted } from '../async/abort.js';
import { DecryptedChange } from '../cipher/decrypted-change.js';
import { deleteDocument, type DeletedDocument } from '../cipher/delete-document.js';
import type { DecryptOutcome } from '../cipher/document-reader.js';
import type { DocumentUpdate } from '../cipher/document-updater.js';
import { encryptList } from '../cipher/encrypt-list.js';
import type {
  AnyDefinition,
  AnyForm,
  DefinitionOf,
  DocumentKey,
  EncryptedDocument,
  OtherProperties,
} from '../document/typed-document.js';
import type { DocumentStore, StoredDocumentItem } from '../store/document-store.js';
import type { EncryptorParts } from './encryptor-parts.js';
import {
  readEncryptListOptions,
  readUpdateOptions,
  requireKeyAlone,
  type DecryptedDocumentChange,
  type EncryptDocumentsOptions,
  type UpdateDocumentOptions,
} from './field-encryptor-options.js';

export class DocumentCalls {
  readonly #parts: EncryptorParts;

  /** @internal */
  constructor(parts: EncryptorParts) {
    this.#parts = parts;
  }

  /**
   * Changes one stored document in plaintext, or creates it: reads and decrypts it, and seals and writes what
   * `change` returns. Turns, etags, lost answers and writes that landed late are handled as in {@link
   * FieldEncryptor.updateDocument}, which shows the stored form and decrypts nothing.
   *
   * A declared field whose value is deeply equal to the one that was read keeps its envelope, and so does a
   * list element that moved; one at a path in stage `opening` is stored in clear by the next change. Where
   * nothing changed at all, nothing is written, and the etag stays; plaintext that was read in mode
   * `'migrate'` is still sealed. Where only undeclared properties changed, the
   * shortest envelope is sealed again, so that the write can be recognised.
   *
   * @param change - Receives the decrypted document, or `undefined` where there is none, and returns the
   *   document to store. It may modify what it receives. It is called again only while no write of this call
   *   is known to have landed. `undefined` leaves the document unchanged.
   * @returns The document in plaintext as it is stored now, with its etag; `undefined` where there is none.
   * @throws What {@link FieldEncryptor.updateDocument} and {@link FieldEncryptor.decryptDocument} throw. When
   *   it rejects with an error of a store or a provider, the write may have landed. TamperedError also where
   *   the store returns a document with other key parts; FieldEncryptionError `ENVELOPE_REFUSED` where
   *   `change` returns an envelope.
   *
   * @example
   * ```ts
   * import { randomBytes } from 'node:crypto';
   * import { createFieldEncryptor, defineDocument, EnvKeyProvider, type EncryptedDocument } from '@bytelyst/field-encrypt';
   * import { MemoryDekStore, MemoryDocumentStore } from '@bytelyst/field-encrypt/testing';
   *
   * const note = defineDocument<{ id: string; title: string; tags: string[] }>()({
   *   collection: 'notes', key: ['id'], fields: ['title', 'tags[]'],
   * });
   * const encryptor = createFieldEncryptor({
   *   product: 'notelett',
   *   keyProviders: [new EnvKeyProvider({ key: randomBytes(32).toString('base64') })],
   *   dekStore: new MemoryDekStore(),
   * });
   * const notes = new MemoryDocumentStore<EncryptedDocument<typeof note>>({ key: note.key });
   * const key = { id: '1' };
   * await encryptor.updateDecrypted(note, notes, key, () => ({ ...key, title: 'Hi', tags: ['new'] }));
   * const item = await encryptor.updateDecrypted(note, notes, key, (plain) => plain && {
   *   ...plain, tags: [...plain.tags, 'urgent'],
   * });
   * console.log(item?.document.tags); // [ 'new', 'urgent' ]
   * ```
   */
  async updateDecrypted<T extends object, D extends DefinitionOf<T>, X extends T>(
    definition: D & DefinitionOf<T>,
    store: DocumentStore<EncryptedDocument<D>>,
    key: DocumentKey<D>,
    change: DecryptedDocumentChange<T, X>,
    options: UpdateDocumentOptions = {},
  ): Promise<StoredDocumentItem<T> | undefined> {
    const { signal, attempts } = readUpdateOptions(options);
    requireKeyAlone(definition, key);
    const { reader, updater, settings } = this.#parts;
    const parts = { definition, reader, seals: settings.enabled, key, signal };
    const decrypted = new DecryptedChange(parts);
    const update: DocumentUpdate = {
      definition,
      store: store,
      key,
      change: change as DocumentUpdate['change'],
      view: (stored) => decrypted.view(stored),
      signal,
      attempts,
    };
    const work = async (): Promise<unknown> => {
      const item = await updater.update(update);
      return item && decrypted.opened(item);
    };
    return (await unlessAborted(signal, work)) as StoredDocumentItem<T> | undefined;
  }

  /**
   * Deletes a stored document and shreds its DEKs.
   *
   * The DEKs are shredded first, and the document is deleted under the etag that was read before. If the
   * process dies in between, nothing can be read any more, and the document is still listed, where reading it
   * fails with `DEK_SHREDDED`: call it again, which finishes the deletion. A call for a document that does
   * not exist shreds the DEKs that are left. When another write comes first, it starts again from the read,
   * and deletes that version too.
   *
   * What {@link FieldEncryptor.shred} says about this process, other processes and backups holds here too:
   * calls of this process that began before reject with `DEK_SHREDDED`. A later document with the same key
   * gets a fresh DEK, of a higher generation. Create it in this process, or at least one `fenceTtlMs` later:
   * until then another process may seal it under the shredded DEK, and it would be lost.
   *
   * @param key - The key parts, and nothing else.
   * @param options - After its `signal` aborts, the deletion may be unfinished: call it again.
   * @returns `deleted` is false where there was no document; `shredded` names the DEKs that this call
   *   shredded.
   * @throws Errors of the stores: call it again. FieldEncryptionError `CONTENDED`: other writes came first
   *   each time; try again.
   *
   * @example
   * ```ts
   * import { randomBytes } from 'node:crypto';
   * import { createFieldEncryptor, defineDocument, EnvKeyProvider, type EncryptedDocument } from '@bytelyst/field-encrypt';
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
   * const notes = new MemoryDocumentStore<EncryptedDocument<typeof note>>({ key: note.key });
   * await notes.create(await encryptor.encryptDocument(note, { id: '1', body: 'Hi' }));
   * const { deleted, shredded } = await encryptor.deleteDocument(note, notes, { id: '1' });
   * console.log(deleted, shredded.length); // true 1
   * ```
   */
  async deleteDocument<D extends AnyDefinition>(
    definition: D,
    store: DocumentStore<EncryptedDocument<D>>,
    key: DocumentKey<D>,
    options?: CallOptions,
  ): Promise<DeletedDocument> {
    const signal = signalIn(options);
    requireKeyAlone(definition, key);
    const own = { definition, store: store as unknown as DocumentStore, key, signal };
    return unlessAborted(signal, () => deleteDocument(this.#parts.deks, own));
  }

  /**
   * Records what `audit: { failures: true }` has only counted so far, and ends its timer. Call it before the
   * process ends; the encryptor stays usable. The same as `await using`.
   *
   * @throws FieldEncryptionError `AUDIT_FULL` or `AUDIT_FAILED`: it is not recorded, and a later call tries it
   *   again.
   */
  async close(options?: CallOptions): Promise<void> {
    const signal = signalIn(options);
    await unlessAborted(signal, async () => this.#parts.failedOpens?.close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Encrypts a list of documents as {@link FieldEncryptor.encryptDocument} encrypts one. DEKs that do not
   * exist yet are created side by side, at most `concurrency` of them; a key provider with
   * `maxOpsPerSecond` makes their calls wait in its queue. Documents with the same key share one DEK.
   *
   * @returns An outcome for each document, in order: one that cannot be encrypted fails alone. Nothing is
   *   written but DEKs: store the documents yourself.
   * @throws RangeError for an invalid `concurrency`; the signal's reason when it aborts. DEKs that were
   *   created stay, and are used by the next call.
   *
   * @example
   * ```ts
   * import { randomBytes } from 'node:crypto';
   * import { createFieldEncryptor, defineDocument, EnvKeyProvider } from '@bytelyst/field-encrypt';
   * import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';
   *
   * const note = defineDocument<{ id: string; body: string }>()({
   *   collection: 'notes', key: ['id'], fields: ['body'],
   * });
   * const encryptor = createFieldEncryptor({
   *   product: 'notelett',
   *   keyProviders: [new EnvKeyProvider({ key: randomBytes(32).toString('base64') })],
   *   dekStore: new MemoryDekStore(),
   * });
   * const list = [{ id: '1', body: 'Hi' }, { id: '2', body: 'Hello' }];
   * for (const outcome of await encryptor.encryptDocuments(note, list)) {
   *   if (outcome.ok) console.log(outcome.document.id, outcome.document.body._enc); // 1 1, then 2 1
   *   else console.error(outcome.error);
   * }
   * ```
   */
  async encryptDocuments<T extends object, D extends DefinitionOf<T>, X extends AnyForm<D, T>>(
    definition: D & DefinitionOf<T>,
    list: readonly X[],
    options: EncryptDocumentsOptions = {},
  ): Promise<DecryptOutcome<EncryptedDocument<D> & OtherProperties<D, X>>[]> {
    const { concurrency, signal } = readEncryptListOptions(options);
    const outcomes = await encryptList(this.#parts, { definition, list, concurrency, signal });
    return outcomes as DecryptOutcome<EncryptedDocument<D> & OtherProperties<D, X>>[];
  }
}
