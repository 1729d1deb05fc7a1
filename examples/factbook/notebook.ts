import { initEncryption, type FieldEncryptor } from '@bytelyst/field-encrypt';
import { SqliteDekStore, SqliteDocumentStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';
import { note, type EncryptedNote } from './note.js';

export const FENCE_TTL_MS = 2_000;

/** Everything that a process needs to work on the notes in one SQLite file. */
export interface Notebook {
  readonly encryptor: FieldEncryptor;
  readonly notes: SqliteDocumentStore<EncryptedNote>;
  readonly close: () => void;
}

/** Keys come from environment variables: see `initEncryption`. */
export async function openNotebook(
  file: string,
  env: Readonly<NodeJS.ProcessEnv> = process.env,
): Promise<Notebook> {
  const database = new Database(file);
  const dekStore = new SqliteDekStore(database);
  const encryptor = await initEncryption({ dekStore, env, fenceTtlMs: FENCE_TTL_MS });
  const notes = new SqliteDocumentStore<EncryptedNote>(database, {
    table: 'notes',
    key: note.key,
  });
  return { encryptor, notes, close: () => database.close() };
}

/** The notes as they are stored, some hundred at a time. */
export async function* storedNotes({ notes }: Notebook): AsyncGenerator<EncryptedNote[]> {
  let continuation: string | undefined;
  do {
    const page = await notes.list({ pageSize: 500, continuation });
    yield page.items.map(({ document }) => document);
    continuation = page.continuation;
  } while (continuation !== undefined);
}
