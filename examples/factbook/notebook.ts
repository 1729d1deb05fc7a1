import { createHash } from 'node:crypto';
import { initEncryption, type FieldEncryptor } from '@bytelyst/field-encrypt';
import { SqliteDekStore, SqliteDocumentStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';
import { note, type EncryptedNote, type Note } from './note.js';

/** Everything that a process needs to work on the notes in one SQLite file. */
export interface Notebook {
  readonly encryptor: FieldEncryptor;
  readonly notes: SqliteDocumentStore<EncryptedNote>;
  readonly close: () => void;
}

/** Keys come from the environment: see `initEncryption`. */
export async function openNotebook(file: string): Promise<Notebook> {
  const database = new Database(file);
  const encryptor = await initEncryption({ dekStore: new SqliteDekStore(database) });
  const notes = new SqliteDocumentStore<EncryptedNote>(database, {
    table: 'notes',
    key: note.key,
  });
  return { encryptor, notes, close: () => database.close() };
}

/** One line for all the notes of a notebook: equal only where every value of every note is. */
export function fingerprint(notes: Iterable<Note>): string {
  const digests = Array.from(notes, digestOf).sort();
  return createHash('sha256').update(digests.join('\n')).digest('hex');
}

function digestOf({ workspaceId, id, title, body, tags, meta }: Note): string {
  const values = JSON.stringify([workspaceId, id, title, body, tags, meta.source, meta.topics]);
  return createHash('sha256').update(values).digest('hex');
}
