/** The document store of migrations and searches: metered, and written only under the lease. @module */
import type {
  DocumentKeyProperties,
  DocumentPage,
  DocumentStoreOptions,
  ListDocumentsOptions,
} from '../store/document-store.js';
import type { AnyDocument, AnyDocumentItem, AnyDocumentStore } from './scanned-document.js';

export interface MeteredDocumentStoreParts {
  readonly store: AnyDocumentStore;
  readonly onRequestCharge: (units: number) => void;
  /** Called before each write; an error prevents the write. */
  readonly beforeWrite?: () => Promise<void>;
}

export class MeteredDocumentStore implements AnyDocumentStore {
  readonly #parts: MeteredDocumentStoreParts;

  constructor(parts: MeteredDocumentStoreParts) {
    this.#parts = parts;
  }

  get reservedProperties(): readonly string[] {
    return this.#parts.store.reservedProperties ?? [];
  }

  get(
    key: DocumentKeyProperties,
    options?: DocumentStoreOptions,
  ): Promise<AnyDocumentItem | undefined> {
    return this.#parts.store.get(key, this.#metered(options));
  }

  list(options?: ListDocumentsOptions): Promise<DocumentPage<AnyDocument>> {
    return this.#parts.store.list(this.#metered(options));
  }

  count(options?: DocumentStoreOptions): Promise<number> {
    return this.#parts.store.count(this.#metered(options));
  }

  async create(document: AnyDocument, options?: DocumentStoreOptions): Promise<AnyDocumentItem> {
    return this.#parts.store.create(document, await this.#forWrite(options));
  }

  async replace(
    document: AnyDocument,
    etag: string,
    options?: DocumentStoreOptions,
  ): Promise<AnyDocumentItem> {
    return this.#parts.store.replace(document, etag, await this.#forWrite(options));
  }

  async delete(
    key: DocumentKeyProperties,
    etag: string,
    options?: DocumentStoreOptions,
  ): Promise<void> {
    await this.#parts.store.delete(key, etag, await this.#forWrite(options));
  }

  /** Without the signal: a write that was sent is always awaited. */
  async #forWrite(options: DocumentStoreOptions | undefined): Promise<DocumentStoreOptions> {
    await this.#parts.beforeWrite?.();
    options?.signal?.throwIfAborted();
    return this.#metered({});
  }

  #metered(options: ListDocumentsOptions | undefined): ListDocumentsOptions {
    return { ...options, onRequestCharge: this.#parts.onRequestCharge };
  }
}
