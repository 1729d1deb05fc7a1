/** A child process: seals the same notes as its sibling, begun at the same moment. */
import { once } from 'node:events';
import { createFieldEncryptor, defineDocument, EnvKeyProvider } from '@bytelyst/field-encrypt';
import { SqliteDekStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';

const [file, key, count, author] = process.argv.slice(2);
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

process.stdout.write('ready\n');
await once(process.stdin, 'data');
const ids = Array.from({ length: Number(count) }, (_each, index) => `note-${index}`);
const sealed = await Promise.all(
  ids.map((id) =>
    encryptor.encryptDocument(note, { workspaceId: 'ws-1', id, body: `${author} wrote ${id}` }),
  ),
);
process.stdout.write(`${JSON.stringify(sealed)}\n`);
process.stdin.unref();
