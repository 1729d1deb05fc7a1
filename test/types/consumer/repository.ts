/** Classes with type parameters compile without a cast. @module */
import {
  defineDocument,
  type AnyDefinition,
  type DocumentDefinition,
  type DocumentKey,
  type DocumentStore,
  type EncryptedDocument,
  type FieldEncryptor,
  type FieldPath,
  type KeyProperty,
  type PlainDocument,
} from '@bytelyst/field-encrypt';
import { exactly } from './same.js';

export class Repository<T extends object, D extends DocumentDefinition<T>> {
  readonly #encryptor: FieldEncryptor;
  readonly #definition: D;
  readonly #store: DocumentStore<EncryptedDocument<D>>;

  constructor(
    encryptor: FieldEncryptor,
    definition: D & DocumentDefinition<T>,
    store: DocumentStore<EncryptedDocument<D>>,
  ) {
    this.#encryptor = encryptor;
    this.#definition = definition;
    this.#store = store;
  }

  async create(document: T): Promise<void> {
    await this.#store.create(await this.#encryptor.encryptDocument(this.#definition, document));
  }

  async find(key: DocumentKey<D>): Promise<T | undefined> {
    const item = await this.#store.get(key);
    return item && this.#encryptor.decryptDocument(this.#definition, item.document);
  }

  async list(): Promise<T[]> {
    const { items } = await this.#store.list({ pageSize: 100 });
    const stored = items.map(({ document }) => document);
    const outcomes = await this.#encryptor.decryptDocuments(this.#definition, stored);
    return outcomes.map((outcome) => {
      if (outcome.ok) return outcome.document;
      throw outcome.error;
    });
  }

  async put(key: DocumentKey<D>, document: T): Promise<void> {
    await this.#encryptor.updateDocument(this.#definition, this.#store, key, () => document);
  }

  async change(key: DocumentKey<D>, changes: Partial<T>): Promise<boolean> {
    const item = await this.#encryptor.updateDocument(
      this.#definition,
      this.#store,
      key,
      (stored) => stored && { ...stored, ...changes },
    );
    return item !== undefined;
  }

  async begin(document: T): Promise<boolean> {
    const write = await this.#encryptor.beginWrite(this.#definition, document);
    await this.#store.create(write.document);
    return write.confirm();
  }

  async edit(key: DocumentKey<D>, edit: (document: T) => T): Promise<T | undefined> {
    const item = await this.#encryptor.updateDecrypted(
      this.#definition,
      this.#store,
      key,
      (document) => document && edit(document),
    );
    return item?.document;
  }

  async remove(key: DocumentKey<D>): Promise<boolean> {
    return (await this.#encryptor.deleteDocument(this.#definition, this.#store, key)).deleted;
  }

  async createAll(documents: readonly T[]): Promise<void> {
    for (const outcome of await this.#encryptor.encryptDocuments(this.#definition, documents)) {
      if (!outcome.ok) throw outcome.error;
      await this.#store.create(outcome.document);
    }
  }

  async erase(key: DocumentKey<D>): Promise<void> {
    await this.#encryptor.openDocument(this.#definition, key);
    await this.#encryptor.shred(this.#definition, key);
  }
}

/** The same with the narrowest bounds. */
export class Narrow<
  T extends object,
  D extends DocumentDefinition<T, KeyProperty<T>, FieldPath<T>>,
> extends Repository<T, D> {}

/** The same by the definition alone. */
export class ByDefinition<D extends AnyDefinition> extends Repository<PlainDocument<D>, D> {}

interface Note {
  id: string;
  title: string;
  tags?: readonly string[];
}

const note = defineDocument<Note>()({
  collection: 'notes',
  key: ['id'],
  fields: ['title', 'tags[]'],
});
type Definition = typeof note;

export async function use(
  encryptor: FieldEncryptor,
  store: DocumentStore<EncryptedDocument<Definition>>,
): Promise<void> {
  const notes = new Repository(encryptor, note, store);
  const found = await notes.find({ id: '1' });
  exactly<Note | undefined>()(found);
  await notes.change({ id: '1' }, { title: 'new' });
  // @ts-expect-error -- "title" must be a string
  await notes.change({ id: '1' }, { title: 7 });
  // @ts-expect-error -- no key part
  await notes.find({ title: '1' });
  new Narrow<Note, Definition>(encryptor, note, store);
  new ByDefinition(encryptor, note, store);
}

/** Also for a definition with a path in stage "opening". */
export function useWhileOpening(
  encryptor: FieldEncryptor,
  store: DocumentStore<EncryptedDocument<typeof opening>>,
): Repository<Note, typeof opening> {
  return new Repository(encryptor, opening, store);
}

const opening = defineDocument<Note>()({
  collection: 'notes',
  key: ['id'],
  fields: ['title', 'tags[]'],
  stages: { title: 'opening' },
});
