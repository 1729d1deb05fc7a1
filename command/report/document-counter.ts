/** Counts what a mode asks of the document stores. @module */
import type { DocumentStore } from '@bytelyst/field-encrypt';
import type { AnyDocumentStore } from '../config/code-values.js';
import type { Evidence } from './evidence-schema.js';

type Counts = NonNullable<Evidence['documents']>;

export class DocumentCounter {
  readonly #counts: { -readonly [Name in keyof Counts]: number } = {
    documentsRewritten: 0,
    bytesRewritten: 0,
    documentsCreated: 0,
    bytesCreated: 0,
    documentsDeleted: 0,
    writeCalls: 0,
    readCalls: 0,
  };
  /** Two collections in one store are still in one store. */
  readonly #counting = new WeakMap<AnyDocumentStore, AnyDocumentStore>();

  get counts(): Counts {
    return { ...this.#counts };
  }

  /** @returns The store; each of its calls is counted. */
  counted(store: AnyDocumentStore): AnyDocumentStore {
    const known = this.#counting.get(store);
    if (known) return known;
    const counting = this.#countingStore(store);
    this.#counting.set(store, counting);
    return counting;
  }

  /** Reads that the report itself needs are not those of the mode. */
  async uncounted<T>(read: () => Promise<T>): Promise<T> {
    const { readCalls } = this.#counts;
    try {
      return await read();
    } finally {
      this.#counts.readCalls = readCalls;
    }
  }

  #countingStore(store: AnyDocumentStore): AnyDocumentStore {
    const own = { ...this.#countingWrites(store), ...this.#countingReads(store) };
    // What else the store has stays as it is.
    return new Proxy(store, {
      get: (target, name) => {
        if (Object.hasOwn(own, name)) return Reflect.get(own, name) as unknown;
        const value = Reflect.get(target, name, target) as unknown;
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  }

  #countingWrites(store: AnyDocumentStore): Pick<DocumentStore, 'create' | 'delete' | 'replace'> {
    const counts = this.#counts;
    return {
      create: async (document, options) => {
        counts.writeCalls += 1;
        const stored = await store.create(document, options);
        counts.documentsCreated += 1;
        counts.bytesCreated += sizeOf(document);
        return stored;
      },
      replace: async (document, etag, options) => {
        counts.writeCalls += 1;
        const stored = await store.replace(document, etag, options);
        counts.documentsRewritten += 1;
        counts.bytesRewritten += sizeOf(document);
        return stored;
      },
      delete: async (key, etag, options) => {
        counts.writeCalls += 1;
        await store.delete(key, etag, options);
        counts.documentsDeleted += 1;
      },
    };
  }

  #countingReads(store: AnyDocumentStore): Pick<DocumentStore, 'count' | 'get' | 'list'> {
    const counts = this.#counts;
    return {
      get: (key, options) => {
        counts.readCalls += 1;
        return store.get(key, options);
      },
      list: (options) => {
        counts.readCalls += 1;
        return store.list(options);
      },
      count: (options) => {
        counts.readCalls += 1;
        return store.count(options);
      },
    };
  }
}

function sizeOf(document: object): number {
  return Buffer.byteLength(JSON.stringify(document));
}
