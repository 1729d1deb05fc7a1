/**
 * A child process: reads notes that were there before it, and makes, edits, reads and shreds its own,
 * until it is asked to stop. Whatever was acknowledged goes into a journal; whatever fails is reported.
 */
import { appendFileSync } from 'node:fs';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  createFieldEncryptor,
  DekCache,
  defineDocument,
  EnvKeyProvider,
  isFieldEncryptionError,
} from '@bytelyst/field-encrypt';
import { SqliteDekStore, SqliteDocumentStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';

const LONGEST_REST_MS = 3;
const READ_AT_ONCE = 6;
/** Far fewer than there are notes, so that rows are read and unwrapped all the time. */
const CACHED_DEKS = 32;

const { file, keys, journal, seeded } = JSON.parse(process.argv[2]);
const note = defineDocument()({
  collection: 'notes',
  key: ['workspaceId', 'id'],
  fields: ['body'],
});
const handle = new Database(file);
const [key, ...previousKeys] = keys;
const encryptor = createFieldEncryptor({
  product: 'notelett',
  keyProviders: [new EnvKeyProvider({ key, previousKeys })],
  dekStore: new SqliteDekStore(handle),
  dekCache: new DekCache({ maxEntries: CACHED_DEKS }),
});
const notes = new SqliteDocumentStore(handle, { table: 'notes', key: ['workspaceId', 'id'] });

/** What the last acknowledged write of each note was. */
const bodies = new Map();
const shredded = [];
const counts = { reads: 0, edits: 0, creates: 0, shreds: 0 };
let made = 0;

function any(list) {
  return list[Math.floor(Math.random() * list.length)];
}

function keyOf(id) {
  return { workspaceId: 'live', id };
}

function acknowledge(entry) {
  appendFileSync(journal, `${JSON.stringify(entry)}\n`);
}

function require(isRight, what) {
  if (!isRight) throw new Error(what);
}

async function readSeeded() {
  const ids = Array.from({ length: READ_AT_ONCE }, () => any(seeded));
  const stored = await Promise.all(ids.map((id) => notes.get({ workspaceId: 'seeded', id })));
  const outcomes = await encryptor.decryptDocuments(
    note,
    stored.map(({ document }) => document),
  );
  for (const [index, { ok, document, error }] of outcomes.entries()) {
    if (!ok) throw error;
    require(document.body === `body of ${ids[index]}`, `${ids[index]} reads differently`);
    counts.reads += 1;
  }
}

async function readOwn() {
  const id = any([...bodies.keys()]);
  const { document } = await notes.get(keyOf(id));
  const { body } = await encryptor.decryptDocument(note, document);
  require(body === bodies.get(id), `${id} lost its last acknowledged write`);
  counts.reads += 1;
}

async function readShredded() {
  const { document } = await notes.get(keyOf(any(shredded)));
  const error = await encryptor.decryptDocument(note, document).catch((reason) => reason);
  if (isFieldEncryptionError(error) && error.code === 'DEK_SHREDDED') return;
  const what = error instanceof Error ? String(error) : 'its plaintext';
  throw new Error(`${document.id} was shredded, and gave ${what}`);
}

async function write(id, body, change) {
  await encryptor.updateDocument(note, notes, keyOf(id), change);
  bodies.set(id, body);
  acknowledge({ id, body });
}

async function edit() {
  const id = any([...bodies.keys()]);
  const body = `${id}, edit ${counts.edits} ${'.'.repeat(Math.random() * 200)}`;
  await write(id, body, (stored) => ({ ...stored, body }));
  counts.edits += 1;
}

async function create() {
  const id = `note-${(made += 1)}`;
  const body = `${id}, new`;
  await write(id, body, () => ({ ...keyOf(id), body }));
  counts.creates += 1;
}

async function shred() {
  const id = any([...bodies.keys()]);
  const { shredded: dekIds } = await encryptor.shred(note, keyOf(id));
  require(dekIds.length === 1, `${dekIds.length} DEKs of ${id} were shredded`);
  bodies.delete(id);
  shredded.push(id);
  acknowledge({ id, shredded: true });
  counts.shreds += 1;
}

function next() {
  if (bodies.size < 40) return create;
  const roll = Math.random();
  if (roll < 0.4) return readSeeded;
  if (roll < 0.6) return readOwn;
  if (roll < 0.78) return edit;
  if (roll < 0.9) return bodies.size < 120 ? create : shred;
  return roll < 0.97 || shredded.length === 0 ? shred : readShredded;
}

let order = 'resume';
process.on('message', (message) => {
  order = message;
});
process.on('disconnect', () => process.exit());

while (order !== 'stop') {
  if (order === 'pause') {
    process.send({ counts });
    await once(process, 'message');
    continue;
  }
  const work = next();
  try {
    await work();
  } catch (error) {
    process.send({ error: `${work.name}: ${error.stack}`, code: error.code });
  }
  await sleep(Math.random() * LONGEST_REST_MS);
}
process.send({ counts }, () => process.disconnect());
