/**
 * A child process: runs a migration over a file. Where it is to be killed it says so, and takes no
 * further event: what is under way then goes on until the signal comes.
 */
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  backfillDocuments,
  createFieldEncryptor,
  defineDocument,
  EnvKeyProvider,
  moveDocuments,
  reencryptDocuments,
} from '@bytelyst/field-encrypt';
import { SqliteDekStore, SqliteDocumentStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';

/** A database far away answers in no order: documents under way are then at any step. */
const LONGEST_ANSWER_MS = 2;
const LONGEST_WAIT_MS = 60_000;

const { file, keys, migration, point } = JSON.parse(process.argv[2]);
const [key, ...previousKeys] = keys;
const shape = { key: ['workspaceId', 'id'], fields: ['title', 'body', 'tags[]'] };
const note = defineDocument()({ ...shape, collection: 'notes' });
const entry = defineDocument()({ ...shape, collection: 'entries' });

function slow(subject) {
  const call = async (method, args) => {
    await sleep(Math.random() * LONGEST_ANSWER_MS);
    return subject[method](...args);
  };
  const get = (_subject, name) =>
    typeof subject[name] === 'function' ? (...args) => call(name, args) : subject[name];
  return new Proxy(subject, { get });
}

const handle = new Database(file);
const encryptor = createFieldEncryptor({
  product: 'notelett',
  keyProviders: [new EnvKeyProvider({ key, previousKeys })],
  dekStore: slow(new SqliteDekStore(handle)),
});
const storeOf = (table) => slow(new SqliteDocumentStore(handle, { table, key: note.key }));
const notes = storeOf('notes');
const { kind, table, ...options } = migration;

function move(_encryptor, definition, documentStore, moveOptions) {
  const to = { definition: entry, documentStore: storeOf(table) };
  return moveDocuments(encryptor, { definition, documentStore }, to, moveOptions);
}

const migrate = { backfill: backfillDocuments, reencrypt: reencryptDocuments, move }[kind];
const shared = { concurrency: 3, leaseTtlMs: 1_000 };
let met = 0;
for await (const event of migrate(encryptor, note, notes, { ...shared, ...options })) {
  if (event.type === point?.type && (met += 1) === point.nth) {
    writeSync(1, 'kill me\n');
    await sleep(LONGEST_WAIT_MS);
  }
  if (event.type === 'failed') writeSync(2, `${event.error.message}\n`);
  if (event.type === 'finished') writeSync(1, `${JSON.stringify(event.summary)}\n`);
}
