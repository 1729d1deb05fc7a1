/** A child process: shreds notes of a file, and writes one of them again. */
import { createFieldEncryptor, defineDocument, EnvKeyProvider } from '@bytelyst/field-encrypt';
import { SqliteDekStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';

const { file, key, shred, write } = JSON.parse(process.argv[2]);
const note = defineDocument()({
  collection: 'notes',
  key: ['workspaceId', 'id'],
  fields: ['body'],
});
const encryptor = createFieldEncryptor({
  product: 'notelett',
  keyProviders: [new EnvKeyProvider({ key })],
  dekStore: new SqliteDekStore(new Database(file)),
});
for (const id of shred) await encryptor.shred(note, { workspaceId: 'ws-1', id });
for (const id of write) {
  await encryptor.encryptDocument(note, { workspaceId: 'ws-1', id, body: `new ${id}` });
}
