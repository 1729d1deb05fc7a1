/** A sealed document on its way into a database. @module */
import type { DekServices } from '../dek/dek-services.js';
import type { WrittenDocument } from './document-writer.js';

/** As given by `FieldEncryptor.beginWrite`: store `document`, then {@link DocumentWrite.confirm}. */
export class DocumentWrite<Document extends object = Record<string, unknown>> {
  /** To be stored as it is, over the etag that was read before. */
  readonly document: Document;
  readonly #services: DekServices;
  readonly #sealing: WrittenDocument['sealing'];

  /** @internal */
  constructor(services: DekServices, { document, sealing }: WrittenDocument) {
    this.document = document as Document;
    this.#services = services;
    this.#sealing = sealing;
  }

  /**
   * To be called once the database has acknowledged the write. Costs nothing within `fenceTtlMs`, and
   * one row read later than that.
   *
   * @returns True when the write stands. False when its DEK was retired or shredded before the write
   * landed: read the document again, seal and write again, and only then report success.
   * @throws What the store reports: the write has landed, and is not known to stand.
   */
  async confirm(): Promise<boolean> {
    return this.#sealing === undefined || this.#services.sealing.isStillGood(this.#sealing);
  }
}
