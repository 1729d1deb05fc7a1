/** A sealed document on its way into a database. @module */
import { signalIn, type CallOptions, unlessAborted } from '../async/abort.js';
import type { Plaintext } from '../crypto/aes.js';
import type { DekServices } from '../dek/dek-services.js';
import { generationIn, ciphertextIn } from '../format/key-scope.js';
import { draftOf } from '../document/document-draft.js';
import type { AnyDefinition } from '../document/typed-document.js';
import type { DocumentWriter, WrittenDocument } from './document-writer.js';
import { StoredEnvelopes } from './own-envelopes.js';

/** @internal What a write needs in addition to the document. */
export interface DocumentWriteParts {
  readonly definition: AnyDefinition;
  readonly services: DekServices;
  readonly writer: DocumentWriter;
}

/** The result of `FieldEncryptor.beginWrite`: store `document`, then call {@link DocumentWrite.confirm}. */
export class DocumentWrite<Document extends object = Record<string, unknown>> {
  /** The document to store as it is, under the etag that was read before. */
  readonly document: Document;
  readonly #parts: DocumentWriteParts;
  readonly #written: WrittenDocument;

  /** @internal */
  constructor(parts: DocumentWriteParts, written: WrittenDocument) {
    this.document = written.document as Document;
    this.#parts = parts;
    this.#written = written;
  }

  /**
   * Call this once the database has acknowledged the write. It costs nothing within `fenceTtlMs`, and one row
   * read after that.
   *
   * @returns True when the write is valid. False when its DEK was retired, or shredded by another process,
   *   before the write landed. Before you report success, read the document again, write the result of {@link
   *   DocumentWrite.sealAgain} under its etag, and confirm that.
   * @throws The errors of the store: the write has landed, and is not known to be valid. FieldEncryptionError
   *   `DEK_SHREDDED` where this process shredded the document since: do not write it again.
   */
  async confirm(options?: CallOptions): Promise<boolean> {
    const signal = signalIn(options);
    const { sealing, token } = this.#written;
    const { services } = this.#parts;
    return unlessAborted(signal, async () => {
      token?.throwIfShredded();
      return sealing === undefined || services.sealing.isStillGood(sealing, signal);
    });
  }

  /**
   * Seals the values of this write that are still stored again, under the DEK that is active now. Changes are
   * not made a second time, and later changes of other writers stay.
   *
   * @param stored - The document as it is stored now.
   * @throws FieldEncryptionError `DEK_SHREDDED` as {@link DocumentWrite.confirm} does.
   * @returns `undefined` when no value of this write is left in the document: there is nothing to write.
   */
  async sealAgain(
    stored: object,
    options?: CallOptions,
  ): Promise<DocumentWrite<Document> | undefined> {
    const signal = signalIn(options);
    return unlessAborted(signal, () => this.#sealAgainOverPassed(stored, signal));
  }

  async #sealAgainOverPassed(
    stored: object,
    signal: AbortSignal | undefined,
  ): Promise<DocumentWrite<Document> | undefined> {
    const { definition, services } = this.#parts;
    const named = StoredEnvelopes.of(definition, services.context.product, stored).highest();
    const own = this.#written.sealing?.dek;
    if (named && own && generationIn(named) > generationIn(own.id)) {
      await services.sealing.requireNotLost(own.token, named, signal);
    }
    return this.#sealAgain(stored, StoredEnvelopes.none, signal);
  }

  /** @internal The same for a document that the library read itself. */
  sealAgainOver(
    stored: object,
    signal: AbortSignal | undefined,
  ): Promise<DocumentWrite<Document> | undefined> {
    const { definition, services } = this.#parts;
    const named = StoredEnvelopes.of(definition, services.context.product, stored);
    return this.#sealAgain(stored, named, signal);
  }

  async #sealAgain(
    stored: object,
    named: StoredEnvelopes,
    signal: AbortSignal | undefined,
  ): Promise<DocumentWrite<Document> | undefined> {
    const { writer, definition } = this.#parts;
    const { sealing, token } = this.#written;
    const over = sealing ? named.and(sealing.dek.id) : named;
    const own = this.#ownCiphertexts();
    const written = await writer.sealAgain(definition, stored, own, { token, over, signal });
    return written && new DocumentWrite(this.#parts, written);
  }

  /** @internal Whether the write is known to have landed: no other writer can have made its ciphertexts. */
  hasLandedIn(stored: object): boolean {
    const own = this.#ownCiphertexts();
    const { slots } = draftOf(stored, this.#parts.definition);
    return slots.some(({ value }) => own.has(ciphertextIn(value)));
  }

  #ownCiphertexts(): ReadonlyMap<string | undefined, Plaintext> {
    const { sealed } = this.#written;
    return new Map(sealed.map(({ slot, encoded }) => [ciphertextIn(slot.filled), encoded]));
  }
}
