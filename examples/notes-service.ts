/** A service that keeps encrypted notes of two tenants in SQLite. */
import { defineDocument, initEncryption, type EncryptedDocument } from '@bytelyst/field-encrypt';
import { SqliteDekStore, SqliteDocumentStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';

interface Note {
  workspaceId: string;
  id: string;
  title: string;
  pinned: boolean;
  tags?: string[];
  meta?: { mood?: string; location?: string };
  comments: { author: string; text: string; at: string }[];
}

type Content = Omit<Note, 'workspaceId'>;

const note = defineDocument<Note>()({
  collection: 'notes',
  key: ['workspaceId', 'id'],
  fields: ['title', 'tags[]', 'meta.location', 'comments[].text'],
});

const database = new Database(':memory:'); // a file in production
const encryptor = await initEncryption({
  dekStore: new SqliteDekStore(database),
  env: {
    FIELD_ENCRYPT_ENABLED: 'true',
    FIELD_ENCRYPT_PRODUCT: 'notelett',
    FIELD_ENCRYPT_KEY_PROVIDER: 'env',
    FIELD_ENCRYPT_KEY: process.env['FIELD_ENCRYPT_KEY'], // openssl rand -base64 32
  },
});
const store = new SqliteDocumentStore<EncryptedDocument<typeof note>>(database, {
  table: 'notes',
  key: note.key,
});

/** The notes of one tenant: `workspaceId` comes from the session, never from a note. */
class Workspace {
  readonly workspaceId: string;

  constructor(workspaceId: string) {
    this.workspaceId = workspaceId;
  }

  async create(content: Content): Promise<void> {
    await store.create(
      await encryptor.encryptDocument(note, { ...content, ...this.#key(content.id) }),
    );
  }

  /** Returns why the others could not be imported. */
  async import(list: readonly Content[]): Promise<readonly unknown[]> {
    const notes = list.map((content) => ({ ...content, ...this.#key(content.id) }));
    const failed: unknown[] = [];
    for (const outcome of await encryptor.encryptDocuments(note, notes)) {
      if (outcome.ok) await store.create(outcome.document);
      else failed.push(outcome.error);
    }
    return failed;
  }

  async get(id: string): Promise<Note | undefined> {
    const item = await store.get(this.#key(id));
    return item && encryptor.decryptDocument(note, item.document, { expect: this.#key(id) });
  }

  async comment(id: string, author: string, text: string): Promise<Note | undefined> {
    const comment = { author, text, at: new Date().toISOString() };
    const item = await encryptor.updateDecrypted(
      note,
      store,
      this.#key(id),
      (found) => found && { ...found, comments: [...found.comments, comment] },
    );
    return item?.document;
  }

  /** Every note, page by page: a workspace may have more than fit into memory. */
  async *list(): AsyncGenerator<Note, void, void> {
    const { workspaceId } = this;
    let continuation: string | undefined;
    do {
      const page = await store.list({ prefix: { workspaceId }, pageSize: 50, continuation });
      const stored = page.items.map(({ document }) => document);
      for (const outcome of await encryptor.decryptDocuments(note, stored)) {
        if (outcome.ok) yield outcome.document;
        else console.error(outcome.error); // report it: the other notes can still be read
      }
      continuation = page.continuation;
    } while (continuation !== undefined);
  }

  async delete(id: string): Promise<boolean> {
    return (await encryptor.deleteDocument(note, store, this.#key(id))).deleted;
  }

  #key(id: string): { workspaceId: string; id: string } {
    return { workspaceId: this.workspaceId, id };
  }
}

const [mine, theirs] = [new Workspace('w1'), new Workspace('w2')];
await mine.create({ id: 'n1', title: 'Plans', pinned: true, comments: [] });
await theirs.create({ id: 'n1', title: 'Secret', pinned: false, comments: [], tags: ['a', 'b'] });
const meta = { mood: 'calm', location: 'Berlin' };
const drafts = Array.from({ length: 120 }, (_, at) => `draft-${String(at)}`);
const content = { title: 'Draft', pinned: false, meta, comments: [] };
console.log(await mine.import(drafts.map((id) => ({ id, ...content }))));
await mine.comment('n1', 'Ada', 'First');
console.log((await mine.comment('n1', 'Grace', 'Second'))?.comments.map(({ text }) => text));
console.log(await mine.get('draft-7'));
for (const workspace of [mine, theirs]) {
  const titles: string[] = [];
  for await (const { title } of workspace.list()) titles.push(title);
  console.log(`${workspace.workspaceId}: ${String(titles.length)} notes`);
}
console.log(await mine.delete('n1'), await mine.get('n1'), (await theirs.get('n1'))?.title);
