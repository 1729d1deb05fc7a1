import { initEncryption } from '@bytelyst/field-encrypt';
import { SqliteDekStore, SqliteDocumentStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';
import { factbookNotes } from './factbook-notes.js';
import { note, type EncryptedNote, type Note } from './note.js';
import type { Notebook } from './notebook.js';
import { FENCE_TTL_MS, type Variables } from './setting.js';

export async function openSqliteNotebook(file: string, env: Variables): Promise<Notebook> {
  const database = new Database(file);
  const dekStore = new SqliteDekStore(database);
  const table = { table: 'notes', key: note.key };
  const notes = new SqliteDocumentStore<EncryptedNote>(database, table);
  const encryptor = await initEncryption({
    dekStore,
    collections: [{ definition: note, documentStore: notes }],
    env,
    fenceTtlMs: FENCE_TTL_MS,
  }).catch((error: unknown) => {
    database.close();
    throw error;
  });
  return {
    encryptor,
    notes,
    plainNotes: new SqliteDocumentStore<Note>(database, table),
    book: factbookNotes,
    close: () => database.close(),
  };
}
