import type {
  DocumentKey,
  DocumentStore,
  FieldEncryptor,
  StoredDocument,
} from '@bytelyst/field-encrypt';
import { appendWrite } from './acknowledged-writes.js';
import { draft, DRAFTS } from './draft.js';
import { digestOf, note, type EncryptedNote } from './note.js';

const CREATE_ONE_IN = 4;

/** Creates drafts and edits them, and keeps a journal of each write that was acknowledged. */
export class DraftWriter {
  readonly #encryptor: FieldEncryptor;
  readonly #notes: DocumentStore<EncryptedNote>;
  readonly #journal: string;
  readonly #revisions: number[] = [];
  #writes = 0;

  constructor(encryptor: FieldEncryptor, notes: DocumentStore<EncryptedNote>, journal: string) {
    this.#encryptor = encryptor;
    this.#notes = notes;
    this.#journal = journal;
  }

  /** Creates a draft, or edits one of those there are. */
  async write(): Promise<void> {
    const isNew = this.#writes++ % CREATE_ONE_IN === 0;
    const index = isNew ? this.#revisions.length : this.#anyIndex();
    const revision = (this.#revisions[index] ?? 0) + 1;
    const [id, key] = idAndKey(index);
    await this.#encryptor.updateDocument(note, this.#notes, key, (stored) =>
      stored ? edited(stored, revision) : draft(id, revision),
    );
    this.#revisions[index] = revision;
    appendWrite(this.#journal, { id, revision });
  }

  /** Reads any draft, which must be as it was last written. */
  async readOne(): Promise<void> {
    const index = this.#anyIndex();
    const [id, key] = idAndKey(index);
    const stored = await this.#notes.get(key);
    const plain = stored && (await this.#encryptor.decryptDocument(note, stored.document));
    const last = draft(id, this.#revisions[index] ?? 0);
    if (plain && digestOf(plain) === digestOf(last)) return;
    throw new Error(`The draft ${id} is not what was written last`);
  }

  #anyIndex(): number {
    return Math.floor(Math.random() * this.#revisions.length);
  }
}

/** Seals only what an edit changes, the body. */
function edited(stored: EncryptedNote, revision: number): StoredDocument<typeof note> {
  const { body, meta } = draft(stored.id, revision);
  return { ...stored, body, meta: { ...stored.meta, topics: meta.topics } };
}

function idAndKey(index: number): [id: string, key: DocumentKey<typeof note>] {
  const id = String(index + 1);
  return [id, { workspaceId: DRAFTS, id }];
}
