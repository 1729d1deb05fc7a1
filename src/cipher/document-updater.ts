/** Changes a stored document, whoever else does the same. @module */
import type { DekServices } from '../dek/dek-services.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { brokenContract, contended, hasCode } from '../errors.js';
import { isPlainObject, requirePlainObject } from '../guards.js';
import type { DocumentStore, StoredDocumentItem } from '../store/document-store.js';
import { DocumentWrite } from './document-write.js';
import type { DekSource, DocumentWriter } from './document-writer.js';

type Loose = Record<string, unknown>;
type LooseItem = StoredDocumentItem<Loose>;

export interface DocumentUpdate {
  readonly definition: AnyDefinition;
  readonly store: Pick<DocumentStore<Loose>, 'create' | 'get' | 'replace'>;
  readonly key: Readonly<Record<string, string>>;
  /** What was just read, in place of a first read. */
  readonly from?: LooseItem;
  /** Given what is stored; what it returns is sealed and written, `undefined` leaves it as it is. */
  readonly change: (stored: Loose | undefined) => object | Promise<object | undefined> | undefined;
  /** Where given, every envelope is opened with it, and sealed anew. */
  readonly resealFrom?: DekSource;
  readonly signal: AbortSignal | undefined;
}

const MOST_ATTEMPTS = 16;

export class DocumentUpdater {
  readonly #services: DekServices;
  readonly #writer: DocumentWriter;

  constructor(services: DekServices, writer: DocumentWriter) {
    this.#services = services;
    this.#writer = writer;
  }

  /** Reads, changes, seals and writes; from the read again when someone else was faster. */
  async update(update: DocumentUpdate): Promise<LooseItem | undefined> {
    const { from, change } = update;
    let stored = from === undefined ? await lookUp(update) : checkedItem(from);
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
      const changed = await change(stored?.document);
      if (changed === undefined) return stored;
      const write = await this.#trySeal(update, changed, stored);
      const written = write && (await writeOver(update, write, stored?.etag));
      if (written) return this.#untilItStands(update, write, written);
      stored = await lookUp(update);
    }
    throw contended('Updating the document', MOST_ATTEMPTS);
  }

  /** `undefined` when what was read named a DEK that is gone since, and someone else wrote another. */
  async #trySeal(
    update: DocumentUpdate,
    changed: object,
    stored: LooseItem | undefined,
  ): Promise<DocumentWrite | undefined> {
    try {
      return await this.#seal(update, changed, stored === undefined);
    } catch (error) {
      if (!hasCode(error, 'DEK_SHREDDED')) throw error;
      if ((await lookUp(update))?.etag === stored?.etag) throw error;
      return undefined;
    }
  }

  async #seal(
    { definition, key, resealFrom }: DocumentUpdate,
    changed: object,
    isNew: boolean,
  ): Promise<DocumentWrite> {
    requirePlainObject('document', changed);
    const { product } = this.#services.context;
    // Read once: what is compared here is what is sealed.
    const document = { ...changed };
    if (
      definition.placeOf(product, document).identity !== definition.placeOf(product, key).identity
    ) {
      throw new RangeError('"change" returned a document with other key parts than were asked for');
    }
    const parts = { definition, services: this.#services, writer: this.#writer };
    const sealing =
      isNew || resealFrom
        ? this.#writer.writeAnew(definition, document, resealFrom)
        : this.#writer.write(definition, document);
    return new DocumentWrite(parts, await sealing);
  }

  /** The change is made already: from here on only its envelopes may have to be made anew. */
  async #untilItStands(
    update: DocumentUpdate,
    write: DocumentWrite,
    written: LooseItem,
  ): Promise<LooseItem | undefined> {
    let [landed, item] = [write, written];
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
      if (await landed.confirm()) return item;
      const stored = await lookUp(update);
      const again = stored && (await landed.sealAgain(stored.document));
      if (!again) return stored;
      const replaced = await writeOver(update, again, stored.etag);
      if (replaced) [landed, item] = [again, replaced];
    }
    throw contended('Sealing the document again', MOST_ATTEMPTS);
  }
}

/** `undefined` when someone else wrote first. */
async function writeOver(
  update: DocumentUpdate,
  write: DocumentWrite,
  etag: string | undefined,
): Promise<LooseItem | undefined> {
  const { store, signal } = update;
  try {
    return etag === undefined
      ? await store.create(write.document, { signal })
      : await store.replace(write.document, etag, { signal });
  } catch (error) {
    // The answer may have been lost after the write.
    const stored = await lookUp(update);
    if (stored && write.hasLandedIn(stored.document)) return stored;
    if (hasCode(error, 'ALREADY_EXISTS', 'ETAG_MISMATCH')) return undefined;
    throw error;
  }
}

async function lookUp({ store, key, signal }: DocumentUpdate): Promise<LooseItem | undefined> {
  const answer: unknown = await store.get(key, { signal });
  return answer === undefined ? undefined : checkedItem(answer);
}

/** Without an etag a document would pass for one that is not stored yet, and be created again. */
export function checkedItem(answer: unknown): LooseItem {
  const { document, etag } = (answer ?? {}) as Partial<LooseItem>;
  if (isPlainObject(document) && typeof etag === 'string' && etag !== '')
    return answer as LooseItem;
  throw brokenContract('document store', 'D2', 'get answered with something else');
}
