/** The notes of the backfill, as the library needs to know them. @module */
import { randomBytes } from 'node:crypto';
import { createFieldEncryptor, defineDocument, EnvKeyProvider } from '@bytelyst/field-encrypt';
import { SqliteDekStore, SqliteDocumentStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';
import { PRODUCT } from './rewrap-rotation.mjs';

export const note = defineDocument()({
  collection: 'notes',
  key: ['workspaceId', 'id'],
  fields: ['title', 'body'],
});

export function openNotes(file, mekHex) {
  const database = new Database(file);
  const keyProviders = [new EnvKeyProvider({ key: mekHex })];
  const dekStore = new SqliteDekStore(database);
  return {
    database,
    encryptor: createFieldEncryptor({ product: PRODUCT, keyProviders, dekStore }),
    notes: new SqliteDocumentStore(database, { table: 'notes', key: note.key }),
  };
}

/** A file with the given number of notes in plaintext, and with the product's rotation record. */
export async function seedNotes(file, count, mekHex) {
  const { database, encryptor, notes } = openNotes(file, mekHex);
  // Makes the record; its own note is not stored.
  await encryptor.encryptDocument(note, noteAt(count));
  await notes.count();
  // Each write is a transaction: that takes seconds without the disk, and minutes with it.
  database.exec('PRAGMA synchronous=OFF');
  for (let index = 0; index < count; index += 1) await notes.create(noteAt(index));
  // All of it into the one file, which can be copied then.
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  database.close();
}

function noteAt(index) {
  const [title, body] = [24, 150].map((bytes) => randomBytes(bytes).toString('base64url'));
  const id = `note-${String(index).padStart(7, '0')}`;
  return { workspaceId: 'workspace-1', id, title, body, pinned: false };
}
