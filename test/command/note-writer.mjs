/**
 * A child process: the application that goes on writing notes while the command works. Each acknowledged write is
 * a line of standard output; it ends when standard input does, after what is in flight.
 */
import { createFieldEncryptor, defineDocument, EnvKeyProvider } from '@bytelyst/field-encrypt';
import { SqliteDekStore, SqliteDocumentStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';
import { setTimeout as sleep } from 'node:timers/promises';

const LONGEST_REST_MS = 20;
/** So that the work of the command does not grow with the time that it takes. */
const MOST_CREATED = 100;

const { folder, product, keys, ids, current } = JSON.parse(process.argv[2]);
const note = defineDocument()({
  collection: 'notes',
  key: ['workspaceId', 'id'],
  fields: ['body', 'tags[]'],
});
const encryptor = createFieldEncryptor({
  product,
  keyProviders: [
    new EnvKeyProvider({
      key: keys[current],
      previousKeys: keys.filter((_, at) => at !== current),
    }),
  ],
  dekStore: new SqliteDekStore(new Database(`${folder}/deks.sqlite`)),
  mode: 'migrate',
  fenceTtlMs: 1_000,
});
const notes = new SqliteDocumentStore(new Database(`${folder}/notes.sqlite`), {
  table: 'notes',
  key: note.key,
});

let isStopped = false;
process.stdin
  .on('end', () => {
    isStopped = true;
  })
  .resume();

for (let count = 0; !isStopped; count += 1) {
  const isNew = count % 5 === 0 && count / 5 < MOST_CREATED;
  const id = isNew ? `new${count}` : ids[Math.floor(Math.random() * ids.length)];
  const body = `write ${count} of ${id}`;
  const key = { workspaceId: 'w1', id };
  try {
    await encryptor.updateDocument(note, notes, key, (stored) => ({
      ...stored,
      ...key,
      title: id,
      body,
      tags: [body],
    }));
    process.stdout.write(`${JSON.stringify({ id, body })}\n`);
  } catch (error) {
    process.stdout.write(`${JSON.stringify({ id, error: String(error.stack) })}\n`);
  }
  if (isNew) ids.push(id);
  await sleep(Math.random() * LONGEST_REST_MS);
}
