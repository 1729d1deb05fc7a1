/** A table of JSON items with etags, as a database would keep it. @module */
import { StoreError } from '../errors/errors.js';

export interface TableEntry {
  readonly key: string;
  readonly value: unknown;
  readonly etag: string;
}

/** Items are converted to and from JSON text, so that no caller holds a reference into the table. */
export class MemoryItemTable {
  readonly #items = new Map<string, { readonly json: string; readonly etag: string }>();
  #writes = 0;

  create(key: string, value: unknown, what: string): TableEntry {
    if (this.#items.has(key)) throw new StoreError('ALREADY_EXISTS', `${what} already exists`);
    return this.#write(key, value);
  }

  get(key: string): TableEntry | undefined {
    const item = this.#items.get(key);
    return item && { key, value: JSON.parse(item.json) as unknown, etag: item.etag };
  }

  replace(key: string, value: unknown, etag: string, what: string): TableEntry {
    this.#requireEtag(key, etag, what);
    return this.#write(key, value);
  }

  delete(key: string, etag: string, what: string): void {
    this.#requireEtag(key, etag, what);
    this.#items.delete(key);
  }

  /** Entries in key order, after a key. */
  entries(after = ''): TableEntry[] {
    const keys = [...this.#items.keys()].filter((key) => key > after).sort();
    return keys.map((key) => this.get(key) as TableEntry);
  }

  #write(key: string, value: unknown): TableEntry {
    const etag = `"${String((this.#writes += 1))}"`;
    const json = JSON.stringify(value);
    this.#items.set(key, { json, etag });
    return { key, value: JSON.parse(json) as unknown, etag };
  }

  #requireEtag(key: string, etag: string, what: string): void {
    if (this.#items.get(key)?.etag === etag) return;
    throw new StoreError('ETAG_MISMATCH', `${what} was changed or removed by another writer`);
  }
}

/** Resolves later, as a database would, and rejects once the signal has aborted. */
export async function answerLater(signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await Promise.resolve();
}
