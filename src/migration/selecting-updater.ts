/** Asks again whether a document is to be touched, once it is another than the one that was listed. @module */
import { DocumentUpdater, type DocumentUpdate } from '../cipher/document-updater.js';
import type { DocumentWriter } from '../cipher/document-writer.js';
import type { DekServices } from '../dek/dek-services.js';
import type { MigrationRequest } from './migration-options.js';

/** Thrown where a version is met that is not selected; never leaves the pass. */
export class NotSelected extends Error {}

export class SelectingUpdater extends DocumentUpdater {
  readonly #select: MigrationRequest['select'];

  constructor(services: DekServices, writer: DocumentWriter, select: MigrationRequest['select']) {
    super(services, writer);
    this.#select = select;
  }

  /** @throws NotSelected, with nothing written since that version was read. */
  override update(update: DocumentUpdate): ReturnType<DocumentUpdater['update']> {
    const change: DocumentUpdate['change'] = (stored) => {
      if (stored && this.#select?.(stored) === false) throw new NotSelected();
      return update.change(stored);
    };
    return super.update({ ...update, change });
  }
}
