/** Changes a stored document, whoever else does the same. @module */
import { isDeepStrictEqual } from 'node:util';
import type { DekServices } from '../dek/dek-services.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { contended, hasCode } from '../errors.js';
import type { DocumentStore, StoredDocumentItem } from '../store/document-store.js';
import { DocumentWrite } from './document-write.js';
import type { DocumentWriter } from './document-writer.js';

type Loose = Record<string, unknown>;
type LooseItem = StoredDocumentItem<Loose>;

export interface DocumentUpdate {
  readonly definition: AnyDefinition;
  readonly store: DocumentStore<Loose>;
  readonly key: Readonly<Record<string, string>>;
  /** Given what is stored; what it returns is sealed and written, `undefined` leaves it as it is. */
  readonly change: (stored: Loose | undefined) => object | Promise<object | undefined> | undefined;
  readonly signal: AbortSignal | undefined;
}

const MOST_ATTEMPTS = 16;

export class DocumentUpdater {
  readonly #deks: DekServices;
  readonly #writer: DocumentWriter;

  constructor(deks: DekServices, writer: DocumentWriter) {
    this.#deks = deks;
    this.#writer = writer;
  }

  /** Reads, changes, seals and writes, from the start again until the write stands. */
  async update(update: DocumentUpdate): Promise<LooseItem | undefined> {
    const { store, key, change, signal } = update;
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
      const stored = await store.get(key, { signal });
      const changed = await change(stored?.document);
      if (changed === undefined) return stored;
      const write = await this.#seal(update, changed);
      const written = await this.#store(update, write.document, stored?.etag);
      if (written && (await write.confirm())) return written;
    }
    throw contended('Updating the document', MOST_ATTEMPTS);
  }

  async #seal({ definition, key }: DocumentUpdate, changed: object): Promise<DocumentWrite> {
    const written = await this.#writer.write(definition, changed);
    const asked = definition.placeOf(this.#deks.context.product, key);
    if (written.place.identity === asked.identity) return new DocumentWrite(this.#deks, written);
    throw new RangeError('"change" returned a document with other key parts than were asked for');
  }

  /** `undefined` when someone else wrote first. */
  async #store(
    { store, key, signal }: DocumentUpdate,
    document: Loose,
    etag: string | undefined,
  ): Promise<LooseItem | undefined> {
    try {
      return etag === undefined
        ? await store.create(document, { signal })
        : await store.replace(document, etag, { signal });
    } catch (error) {
      signal?.throwIfAborted();
      // The answer may have been lost after the write.
      const stored = await store.get(key, { signal });
      if (stored && holds(stored.document, document)) return stored;
      if (hasCode(error, 'ALREADY_EXISTS', 'ETAG_MISMATCH')) return undefined;
      throw error;
    }
  }
}

/** Whether all that was written is there; a store may add properties of its own. */
function holds(stored: Loose, written: Loose): boolean {
  const expected = JSON.parse(JSON.stringify(written)) as Loose;
  return Object.entries(expected).every(([name, value]) => isDeepStrictEqual(stored[name], value));
}
