/** The main class of the library: encrypts and decrypts documents. @module */
import { placeOf } from '../document/document-draft.js';
import { DocumentOpener } from '../cipher/document-opener.js';
import {
  type DocumentReader,
  type DecryptOutcome,
  readDecryptListOptions,
  readDecryptOptions,
  type DecryptDocumentOptions,
  type DecryptDocumentsOptions,
} from '../cipher/document-reader.js';
import type { AuditOptions } from '../audit/audit-trail.js';
import type { DocumentUpdater, DocumentUpdate } from '../cipher/document-updater.js';
import { DocumentWrite } from '../cipher/document-write.js';
import type { DocumentWriter } from '../cipher/document-writer.js';
import type { OpenDocument } from '../cipher/open-document.js';
import { signalIn, type CallOptions, unlessAborted, untilAborted } from '../async/abort.js';
import type { Clock } from '../async/clock.js';
import type { DekCache } from '../dek/dek-cache.js';
import type { DekServices } from '../dek/dek-services.js';
import { shredScope } from '../dek/scope-shredder.js';
import type {
  AnyDefinition,
  AnyForm,
  DefinitionOf,
  DocumentKey,
  EncryptedDocument,
  OtherProperties,
  PlainDocument,
} from '../document/typed-document.js';
import {
  type DocumentChange,
  type EncryptionMode,
  type FieldEncryptorOptions,
  type OpenDocumentOptions,
  type UpdateDocumentOptions,
  readOpenOptions,
  readUpdateOptions,
  requireKeyAlone,
} from './field-encryptor-options.js';
import type { KeyProvider } from '../provider/key-provider.js';
import { DocumentCalls } from './document-calls.js';
import { encryptorParts } from './encryptor-parts.js';
import { checkReadiness, type Readiness } from './readiness.js';
import type { ReadinessWarning } from '../provider/readiness-warning.js';
import { shareEpochs } from '../dek/dek-bounds.js';
import type { DekStore } from '../store/dek-store.js';
import type { DocumentStore, StoredDocumentItem } from '../store/document-store.js';

/** Encrypts and decrypts documents; created by {@link createFieldEncryptor} or `initEncryption`. */
export class FieldEncryptor extends DocumentCalls {
  readonly product: string;
  readonly keyProviders: readonly KeyProvider[];
  /** The store that was passed in; with a `recordKey`, a wrapper that authenticates its records. */
  readonly dekStore: DekStore;
  readonly dekCache: DekCache;
  readonly mode: EncryptionMode;
  readonly enabled: boolean;
  /** As passed in; where the product has a rotation record, its value counts. */
  readonly fenceTtlMs: number;
  readonly clock: Clock;
  /** The RSA public key, PEM, that each DEK is also wrapped for. */
  declare readonly recoveryKey?: string;
  /** As passed in: a rotation record below it is refused. */
  declare readonly minimumEpoch?: number;
  /** As passed in: runs on this encryptor are recorded. */
  declare readonly audit?: AuditOptions;
  readonly #warnings: readonly ReadinessWarning[];
  readonly #deks: DekServices;
  readonly #reader: DocumentReader;
  readonly #writer: DocumentWriter;
  readonly #updater: DocumentUpdater;
  readonly #opener: DocumentOpener;

  /** @internal */
  constructor(options: FieldEncryptorOptions, warnings: readonly ReadinessWarning[] = []) {
    const parts = encryptorParts(options);
    super(parts);
    const { settings, deks, reader, writer, updater } = parts;
    this.#warnings = warnings;
    this.product = settings.product;
    this.keyProviders = settings.keyProviders;
    this.dekStore = settings.dekStore;
    this.dekCache = settings.dekCache;
    this.mode = settings.mode;
    this.enabled = settings.enabled;
    this.fenceTtlMs = settings.fenceTtlMs;
    this.clock = settings.clock;
    if (settings.recoveryKey !== undefined) this.recoveryKey = settings.recoveryKey;
    if (settings.minimumEpoch !== undefined) this.minimumEpoch = settings.minimumEpoch;
    if (settings.audit !== undefined) this.audit = settings.audit;
    shareEpochs(settings, this);
    this.#deks = deks;
    this.#reader = reader;
    this.#writer = writer;
    this.#updater = updater;
    this.#opener = new DocumentOpener(deks, reader, settings.enabled);
  }

  /** Declared fields that were plaintext when read, and were passed through, since the start. */
  get plaintextReads(): number {
    return this.#reader.plaintextReads;
  }

  /** Envelopes of other definitions that were read and passed through, since the start. */
  get definitionMismatches(): number {
    return this.#reader.definitionMismatches;
  }

  /**
   * Seals every declared field that is plaintext, under the document's own DEK.
   *
   * Accepts plain documents and stored ones: `{ ...stored, ...changes }` seals only the changes, and keeps an
   * envelope only after it opened in its place. Properties outside the declared fields are returned
   * unchanged. The document that is passed in is not changed.
   *
   * Where documents are concurrently shredded or given new DEKs, a late write can be lost: use {@link
   * FieldEncryptor.updateDocument} or {@link FieldEncryptor.beginWrite} instead.
   *
   * @returns A copy to store, plain JSON in every declared field. With `enabled: false` plain fields stay
   *   plain.
   * @throws TypeError naming the place of a value that JSON cannot hold, for a container without the declared
   *   shape, and for a function `toJSON`; RangeError for a value that is too long, and for more than 500,000
   *   fields and list elements - nothing was written.
   * @throws FieldEncryptionError `DOCUMENT_MOVED` when key parts were changed: decrypt under the old key,
   *   encrypt under the new one; `ENVELOPE_REFUSED` for a value with a property `_enc` at any depth, and for
   *   an envelope of the document where no field is declared: refuse the input; `ROTATION_RECORD_MISSING`;
   *   `DEK_SHREDDED`: see {@link FieldEncryptor.shred}; `CONTENDED`: try again. Errors of the store and the
   *   provider are passed on.
   *
   * @example
   * ```ts
   * import { randomBytes } from 'node:crypto';
   * import { createFieldEncryptor, defineDocument, EnvKeyProvider } from '@bytelyst/field-encrypt';
   * import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';
   *
   * const note = defineDocument<{ workspaceId: string; id: string; body: string }>()({
   *   collection: 'notes', key: ['workspaceId', 'id'], fields: ['body'],
   * });
   * const encryptor = createFieldEncryptor({
   *   product: 'notelett',
   *   keyProviders: [new EnvKeyProvider({ key: randomBytes(32).toString('base64') })],
   *   dekStore: new MemoryDekStore(),
   * });
   * const stored = await encryptor.encryptDocument(note, { workspaceId: 'w', id: '1', body: 'Hi' });
   * const edited = await encryptor.encryptDocument(note, { ...stored, body: 'Hello' });
   * console.log((await encryptor.decryptDocument(note, edited)).body);
   * ```
   */
  async encryptDocument<T extends object, D extends DefinitionOf<T>, X extends AnyForm<D, T>>(
    definition: D & DefinitionOf<T>,
    document: X,
    options?: CallOptions,
  ): Promise<EncryptedDocument<D> & OtherProperties<D, X>> {
    const writing = this.#writer.write(definition, document, signalIn(options));
    const { document: sealed } = writing instanceof Promise ? await writing : writing;
    return sealed as EncryptedDocument<D> & OtherProperties<D, X>;
  }

  /**
   * Seals a document for a write of your own that may take long, and lets you check it afterwards; {@link
   * FieldEncryptor.updateDocument} does all of it over a `DocumentStore`.
   *
   * A document may be shredded, or given a new DEK, between sealing and writing. So: read the document with
   * its etag, `beginWrite`, write under the etag, `confirm`. After a lost race start again from the read:
   * never send the same envelopes twice. When `confirm` returns false, read the document again and write the
   * result of `sealAgain`. Decrypt a copy of a deleted document before it is written again.
   *
   * @throws What {@link FieldEncryptor.encryptDocument} throws.
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
   * const database = new Map<string, object>(); // in production: over the etag that was read before
   * let write = await encryptor.beginWrite(note, { id: '1', body: 'Hi' });
   * database.set('1', write.document);
   * while (!(await write.confirm())) {
   *   const again = await write.sealAgain(database.get('1') ?? {});
   *   if (!again) break; // others have written over it since
   *   write = again;
   *   database.set('1', write.document);
   * }
   * ```
   */
  async beginWrite<T extends object, D extends DefinitionOf<T>, X extends AnyForm<D, T>>(
    definition: D & DefinitionOf<T>,
    document: X,
    options?: CallOptions,
  ): Promise<DocumentWrite<EncryptedDocument<D> & OtherProperties<D, X>>> {
    const written = await this.#writer.write(definition, document, signalIn(options));
    return new DocumentWrite({ definition, services: this.#deks, writer: this.#writer }, written);
  }

  /**
   * Changes one stored document, or creates it: reads, seals and writes under the etag. When another write
   * came first, it waits a random time and starts again with the document stored at that time. Where the DEK was
   * retired or shredded before the write landed, the document is sealed and written again before this
   * resolves.
   *
   * Calls of this process for one document and one store object take turns, so that they do not lose races to
   * each other. A call waits at most 10 s for its turn. A call that is made while a `change` function is
   * awaited does not wait, so that `change` may itself update the same document: that update is stored first,
   * and `change` is called again with it.
   *
   * Each write has an envelope that no other write has: where `change` modifies no declared field, the
   * shortest envelope is sealed again. This envelope identifies a write whose answer was lost, or that was
   * repeated on the way to the database, so that the change is made once. There are two limits: a document
   * without sealed fields has no envelope, and another process may have sealed the same field again in
   * between. In these cases an error of the store may mean that the write has landed, and a repeated write
   * may make the change twice.
   *
   * @param change - Receives the stored document, or `undefined` where there is none, and returns the
   *   document to store: `{ ...stored, ...changes }` seals only the changes. It is called again only while no
   *   write of this call is known to have landed. `undefined` leaves the document unchanged.
   * @returns The stored document with its etag; `undefined` where there is none.
   * @throws When it rejects with an error of a store, the write may have landed. RangeError where `change`
   *   returns other key parts, and for `attempts` outside 1 to 1 000; errors of `change`; what {@link
   *   FieldEncryptor.encryptDocument} throws; FieldEncryptionError `CONTENDED`: try again.
   *
   * @example
   * ```ts
   * import { randomBytes } from 'node:crypto';
   * import { createFieldEncryptor, defineDocument, EnvKeyProvider, type EncryptedDocument } from '@bytelyst/field-encrypt';
   * import { MemoryDekStore, MemoryDocumentStore } from '@bytelyst/field-encrypt/testing';
   *
   * const note = defineDocument<{ id: string; body: string; edits: number }>()({
   *   collection: 'notes', key: ['id'], fields: ['body'],
   * });
   * const encryptor = createFieldEncryptor({
   *   product: 'notelett',
   *   keyProviders: [new EnvKeyProvider({ key: randomBytes(32).toString('base64') })],
   *   dekStore: new MemoryDekStore(),
   * });
   * const notes = new MemoryDocumentStore<EncryptedDocument<typeof note>>({ key: note.key });
   * const key = { id: '1' };
   * await encryptor.updateDocument(note, notes, key, () => ({ ...key, body: 'Hi', edits: 0 }));
   * await encryptor.updateDocument(note, notes, key, (stored) => stored && {
   *   ...stored, body: 'Hello', edits: stored.edits + 1,
   * });
   * ```
   */
  async updateDocument<T extends object, D extends DefinitionOf<T>, X extends AnyForm<D, T>>(
    definition: D & DefinitionOf<T>,
    store: DocumentStore<EncryptedDocument<D>>,
    key: DocumentKey<D>,
    change: DocumentChange<D, X>,
    options: UpdateDocumentOptions = {},
  ): Promise<StoredDocumentItem<EncryptedDocument<D>> | undefined> {
    const { signal, attempts } = readUpdateOptions(options);
    requireKeyAlone(definition, key);
    const update = {
      definition,
      store: store as unknown as DocumentStore,
      key,
      change: change as DocumentUpdate['change'],
      signal,
      attempts,
    };
    const item = await unlessAborted(signal, () => this.#updater.update(update));
    return item as StoredDocumentItem<EncryptedDocument<D>> | undefined;
  }

  /**
   * Opens every declared field.
   *
   * A document whose DEK is in the cache costs no read; otherwise one read and one unwrap, shared with all
   * concurrent callers for that DEK. Each field is bound to product, collection, key parts and path. It is
   * not detected when a field was removed, array elements were reordered, or an older value of the same field
   * was put back.
   *
   * @returns A copy in plaintext. Bytes are returned as `Uint8Array`.
   * @throws TamperedError for anything that was not sealed in exactly this place - raise an alarm.
   * @throws FieldEncryptionError `PLAINTEXT_REFUSED` in mode `'strict'`; `DEK_SHREDDED`; `DEK_NOT_FOUND`:
   *   restore the row; `KEY_PROVIDER_NOT_CONFIGURED`. Errors of the store and the provider are passed on:
   *   retry where `retryable`.
   */
  async decryptDocument<T extends object, D extends DefinitionOf<T>, X extends AnyForm<D, T>>(
    definition: D & DefinitionOf<T>,
    stored: X,
    options?: DecryptDocumentOptions<D>,
  ): Promise<OtherProperties<D, X> & PlainDocument<D>> {
    const own = readDecryptOptions(options);
    own.signal?.throwIfAborted();
    const reading = this.#reader.read(definition, stored, own);
    const read = reading instanceof Promise ? await untilAborted(reading, own.signal) : reading;
    return read as OtherProperties<D, X> & PlainDocument<D>;
  }

  /**
   * Opens a list of documents: DEKs that are not in the cache are read in bulk and unwrapped concurrently.
   *
   * @returns An outcome for each document, in order: one that cannot be opened fails alone.
   * @throws RangeError for an invalid `concurrency`; the signal's reason when it aborts.
   */
  async decryptDocuments<T extends object, D extends DefinitionOf<T>, X extends AnyForm<D, T>>(
    definition: D & DefinitionOf<T>,
    list: readonly X[],
    options: DecryptDocumentsOptions<D> = {},
  ): Promise<DecryptOutcome<OtherProperties<D, X> & PlainDocument<D>>[]> {
    const { expect, concurrency, signal } = readDecryptListOptions(options);
    signal?.throwIfAborted();
    const read = await this.#reader.readMany(definition, list, { expect, concurrency, signal });
    return read as DecryptOutcome<OtherProperties<D, X> & PlainDocument<D>>[];
  }

  /**
   * Loads a document's DEKs once, to seal and open its fields one by one without waiting.
   *
   * @param key - The key parts, and nothing else.
   * @returns A cipher that opens for as long as the cache would, and seals for `fenceTtlMs`.
   * @throws What {@link FieldEncryptor.decryptDocument} throws for DEKs.
   */
  async openDocument<D extends AnyDefinition>(
    definition: D,
    key: DocumentKey<D>,
    options: OpenDocumentOptions = {},
  ): Promise<OpenDocument<D>> {
    const own = readOpenOptions(options);
    requireKeyAlone(definition, key);
    return unlessAborted(own.signal, () => this.#opener.open(definition, key, own));
  }

  /**
   * Permanently deletes every DEK of a document (crypto-shredding): nothing that was sealed can be read
   * again, here or in a copy of the document.
   *
   * Once it has resolved, nothing in this process seals under, opens with, caches, creates or confirms a
   * DEK of the document that existed then. Calls that began before, and an `OpenDocument` or `DocumentWrite` from
   * before, reject with `DEK_SHREDDED` and are not retried under a new DEK; calls that begin afterwards may
   * create one. That holds for every encryptor and run over the same `dekStore` object.
   *
   * Other processes may open the document until their cached DEK expires. Write a later document with the
   * same key at least one `fenceTtlMs` later, or in this process: until then another process may seal under
   * the row that it read before, and what it seals is lost. Erasure is complete once backups of the DEK store
   * have expired too. Where reads of the store may lag, it resolves one `readLagMs` after its last write.
   *
   * @param options - After its `signal` aborts, some of the DEKs may be shredded: call it again.
   * @returns The dekIds that this call shredded.
   * @throws FieldEncryptionError `CONTENDED`: try again; DEKs that were shredded stay shredded.
   */
  async shred<D extends AnyDefinition>(
    definition: D,
    key: DocumentKey<D>,
    options?: CallOptions,
  ): Promise<{ readonly shredded: readonly string[] }> {
    const signal = signalIn(options);
    requireKeyAlone(definition, key);
    const { scope } = placeOf(definition, this.product, key);
    const work = (): Promise<string[]> => shredScope(this.#deks, scope.scopeId, signal);
    return { shredded: await unlessAborted(signal, work) };
  }

  /**
   * Reads the rotation record, compares each registered definition with its record, and wraps and unwraps a
   * random key with each key provider.
   *
   * @returns The failures and durations of all checks, whether encryption is on, and whether records are
   *   authenticated; it does not throw for a failed check.
   */
  async checkReadiness(options?: CallOptions): Promise<Readiness> {
    const signal = signalIn(options);
    const settings = { encryptor: this, warnings: this.#warnings, signal };
    return unlessAborted(signal, () => checkReadiness(this.#deks, settings));
  }
}

/**
 * Creates an encryptor from parts; `initEncryption` creates one from environment variables.
 *
 * Create one per product and process and share it: its cache makes it fast.
 *
 * @throws TypeError or RangeError for invalid options.
 */
export function createFieldEncryptor(options: FieldEncryptorOptions): FieldEncryptor {
  return new FieldEncryptor(options);
}
