/** A document store in the memory of one process, for tests and first steps. @module */
import { readOptions, requireIntegerBetween } from '../guards/guards.js';
import { documentKeyText } from '../format/key-scope.js';
import type {
  DocumentKeyProperties,
  DocumentPage,
  DocumentStore,
  DocumentStoreOptions,
  ListDocumentsOptions,
  StoredDocumentItem,
} from '../store/document-store.js';
import { readCallOptions } from '../store/dek-store.js';
import { readDocumentListing } from '../store/key-prefix.js';
import { answerLater, MemoryItemTable, type TableEntry } from './memory-item-table.js';

const MOST_PAGE_SIZE = 10_000;

export interface MemoryDocumentStoreOptions {
  /** The properties that together identify a document, as in its definition. */
  readonly key: readonly string[];
}

/** Keeps documents in memory, with real etags and copies. All data is lost when the process ends. */
export class MemoryDocumentStore<
  Document extends object = Record<string, unknown>,
> implements DocumentStore<Document> {
  readonly #key: readonly string[];
  readonly #table = new MemoryItemTable();

  constructor(options: MemoryDocumentStoreOptions) {
    const { key } = readOptions(options, ['key']);
    this.#key = [...key];
  }

  async create(
    document: Document,
    options?: DocumentStoreOptions,
  ): Promise<StoredDocumentItem<Document>> {
    await answerLater(readCallOptions(options).signal);
    return toItem(this.#table.create(this.#keyOf(document), document, 'The document'));
  }

  async get(
    key: DocumentKeyProperties,
    options?: DocumentStoreOptions,
  ): Promise<StoredDocumentItem<Document> | undefined> {
    await answerLater(readCallOptions(options).signal);
    const entry = this.#table.get(this.#keyOf(key));
    return entry && toItem(entry);
  }

  async replace(
    document: Document,
    etag: string,
    options?: DocumentStoreOptions,
  ): Promise<StoredDocumentItem<Document>> {
    await answerLater(readCallOptions(options).signal);
    return toItem(this.#table.replace(this.#keyOf(document), document, etag, 'The document'));
  }

  async delete(
    key: DocumentKeyProperties,
    etag: string,
    options?: DocumentStoreOptions,
  ): Promise<void> {
    await answerLater(readCallOptions(options).signal);
    this.#table.delete(this.#keyOf(key), etag, 'The document');
  }

  async list(options?: ListDocumentsOptions): Promise<DocumentPage<Document>> {
    const { pageSize, continuation, signal, prefix } = readDocumentListing(this.#key, options);
    requireIntegerBetween('pageSize', pageSize, 1, MOST_PAGE_SIZE);
    await answerLater(signal);
    const later = this.#table.entries(continuation);
    const entries = later.filter(({ key }) => key.startsWith(prefix.text));
    const page = entries.slice(0, pageSize);
    const last = page.at(-1)?.key;
    const hasMore = entries.length > pageSize && last !== undefined;
    return prefix.mark({
      items: page.map(toItem<Document>),
      ...(hasMore && { continuation: last }),
    });
  }

  async count(options?: DocumentStoreOptions): Promise<number> {
    await answerLater(readCallOptions(options).signal);
    return this.#table.entries().length;
  }

  #keyOf(document: object): string {
    return documentKeyText(this.#key, document);
  }
}

function toItem<Document extends object>(entry: TableEntry): StoredDocumentItem<Document> {
  return { document: entry.value as Document, etag: entry.etag };
}
