import { initEncryption } from '@bytelyst/field-encrypt';
import { SqliteDekStore, SqliteDocumentStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';
import { factbookNotes } from './factbook-notes.js';
import { note, type EncryptedNote } from './note.js';
import type { Notebook } from './notebook.js';
import { FENCE_TTL_MS, type Variables } from './setting.js';

export async function openSqliteNotebook(file: string, env: Variables): Promise<Notebook> {
  const database = new Database(file);
  const dekStore = new SqliteDekStore(database);
  const encryptor = await initEncryption({ dekStore, env, fenceTtlMs: FENCE_TTL_MS });
  const notes = new SqliteDocumentStore<EncryptedNote>(database, {
    table: 'notes',
    key: note.key,
  });
  return { encryptor, notes, book: factbookNotes, close: () => database.close() };
}
