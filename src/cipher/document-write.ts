/** A sealed document on its way into a database. @module */
import { signalIn, type CallOptions } from '../async/call-options.js';
import { unlessAborted } from '../async/until-aborted.js';
import type { Plaintext } from '../crypto/aead.js';
import type { DekServices } from '../dek/dek-services.js';
import { generationIn } from '../format/key-scope.js';
import { draftOf } from '../document/document-draft.js';
import type { AnyDefinition } from '../document/typed-document.js';
import type { DocumentWriter, WrittenDocument } from './document-writer.js';
import { ciphertextIn } from '../format/envelope.js';
import { StoredEnvelopes } from './stored-envelopes.js';

/** @internal What a write needs beside the document. */
export interface DocumentWriteParts {
  readonly definition: AnyDefinition;
  readonly services: DekServices;
  readonly writer: DocumentWriter;
}

/** As given by `FieldEncryptor.beginWrite`: store `document`, then {@link DocumentWrite.confirm}. */
export class DocumentWrite<Document extends object = Record<string, unknown>> {
  /** To be stored as it is, over the etag that was read before. */
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
   * To be called once the database has acknowledged the write. Costs nothing within `fenceTtlMs`, and
   * one row read later than that.
   *
   * @returns True when the write stands. False when its DEK was retired, or shredded by another process,
   * before the write landed: before anybody is told that it succeeded, read the document again, write what
   * {@link DocumentWrite.sealAgain} makes of it over its etag, and confirm that.
   * @throws What the store reports: the write has landed, and is not known to stand. FieldEncryptionError
   * `DEK_SHREDDED` where this process shredded the document since: do not write it again.
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
   * Seals anew, under the DEK that is active by now, whatever this write sealed and is still stored.
   * Changes are not made a second time, and what others wrote since stays.
   *
   * @param stored - The document as it is stored now.
   * @throws FieldEncryptionError `DEK_SHREDDED` as {@link DocumentWrite.confirm} does.
   * @returns `undefined` when nothing of this write is left in the document: there is nothing to save.
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

  /** @internal Whether the write is known to have landed: nobody else can have made its ciphertexts. */
  hasLandedIn(stored: object): boolean {
    const own = this.#ownCiphertexts();
    const { slots } = draftOf(stored, this.#parts.definition.tree);
    return slots.some(({ value }) => own.has(ciphertextIn(value)));
  }

  #ownCiphertexts(): ReadonlyMap<string | undefined, Plaintext> {
    const { sealed } = this.#written;
    return new Map(sealed.map(({ slot, encoded }) => [ciphertextIn(slot.filled), encoded]));
  }
}
