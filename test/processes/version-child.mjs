/**
 * A child process of a product: starts as one version of it over a file, writes and reads documents that others
 * write and read too, and reports what it found wrong. It may stop, and start as another version.
 *
 * `writes` of a document, in clear, says of each field who wrote it last, and how often it was written: so each
 * reader knows what has to be there, and that no write was lost.
 */
import { randomInt } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import {
  createFieldEncryptor,
  defineDocument,
  EnvKeyProvider,
  registerDefinitions,
} from '@bytelyst/field-encrypt';
import { SqliteDekStore, SqliteDocumentStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';

const KEY = ['workspaceId', 'id'];
const FORMS = {
  text: (text) => text,
  list: (text) => [`${text} first`, `${text} second`],
  object: (text) => ({ location: `${text} there`, mood: `${text} well` }),
};

let version;

async function start({ file, key, fenceTtlMs, definition, ...rest }) {
  const handle = new Database(file);
  // No machine fails here, and a killed process loses nothing by it.
  handle.exec('PRAGMA synchronous = OFF');
  const note = defineDocument()({ collection: 'notes', key: KEY, ...definition });
  const encryptor = createFieldEncryptor({
    product: 'notelett',
    keyProviders: [new EnvKeyProvider({ key })],
    dekStore: new SqliteDekStore(handle),
    fenceTtlMs,
    mode: 'strict',
  });
  try {
    await registerDefinitions(encryptor, [note]);
  } catch (error) {
    handle.close();
    throw error;
  }
  const notes = new SqliteDocumentStore(handle, { table: 'notes', key: KEY });
  version = { handle, encryptor, note, notes, seen: new Map(), ...rest };
}

function stop() {
  version?.handle.close();
  version = undefined;
}

/** The value of a field after its nth write. */
function valueOf(field, id, { by, count }) {
  const text = `${by}:${field}:${id}:${count}`;
  return field === 'body' ? text : FORMS[version.shape](text);
}

/** Sets one field of a document, and moves the other name's value in a document that is in plaintext. */
function written(document, { field, id, isPlain }) {
  const { mark, names, property } = version;
  const { writes = {}, ...rest } = document;
  const by = field === 'body' ? 'secret' : mark;
  const write = { by, count: (writes[field]?.count ?? 0) + 1 };
  const value = valueOf(field, id, write);
  const next = { ...rest, writes: { ...writes, [field]: write } };
  if (field === 'body' && !isPlain) return { ...next, body: value };
  const current = names.map((name) => rest[name]).find((each) => each !== undefined);
  for (const name of names) delete next[name];
  if (field === 'body') return { ...next, body: value, [property]: current };
  return { ...next, [property]: value };
}

/** Returns what is wrong with a document in plaintext. */
function faultOf(id, { writes, ...document }) {
  for (const [field, write] of Object.entries(writes)) {
    const names = field === 'body' ? ['body'] : version.names;
    const values = names.map((name) => document[name]).filter((value) => value !== undefined);
    if (!isDeepStrictEqual(values, [valueOf(field, id, write)])) {
      return `${field} of ${id} reads as ${JSON.stringify(values)} after ${JSON.stringify(write)}`;
    }
    const place = `${field} of ${id}`;
    if (write.count < (version.seen.get(place) ?? 0)) return `${place} is older than before`;
    version.seen.set(place, write.count);
  }
  return undefined;
}

async function read(id) {
  const { encryptor, note, notes } = version;
  const { document } = await notes.get({ workspaceId: 'w1', id });
  return faultOf(id, await encryptor.decryptDocument(note, document));
}

async function writeStored(id, field) {
  const { encryptor, note, notes } = version;
  const key = { workspaceId: 'w1', id };
  await encryptor.updateDocument(note, notes, key, (stored) =>
    written(stored ?? key, { field, id, isPlain: false }),
  );
}

async function writeDecrypted(id, field) {
  const { encryptor, note, notes } = version;
  const key = { workspaceId: 'w1', id };
  const { document } = await encryptor.updateDecrypted(note, notes, key, (plain) =>
    written(plain ?? key, { field, id, isPlain: true }),
  );
  return faultOf(id, document);
}

/** Writes each field of each document, one way or the other, and reads all of them after each write. */
async function work({ live, still }) {
  const steps = live.flatMap((id) => [
    [id, 'body'],
    [id, 'subject'],
  ]);
  const wrong = [];
  const attempt = async (name, run) => {
    const fault = await run().catch((error) => `${error.code} ${error.message}`);
    if (fault !== undefined) wrong.push(`${name}: ${fault}`);
  };
  while (steps.length > 0) {
    const [[id, field]] = steps.splice(randomInt(steps.length), 1);
    const write = randomInt(2) === 0 ? writeStored : writeDecrypted;
    await attempt(`${write.name} ${field} of ${id}`, () => write(id, field));
    for (const each of [...live, ...still]) await attempt(`read ${each}`, () => read(each));
  }
  return { writes: live.length * 2, wrong };
}

/** Makes the documents. */
async function seed({ ids }) {
  for (const id of ids) {
    await writeStored(id, 'body');
    await writeDecrypted(id, 'subject');
  }
}

const ORDERS = { start, stop, seed, work };

process.on('message', async ({ order, ...options }) => {
  const answer = await Promise.resolve(ORDERS[order](options)).catch(({ code, message }) => ({
    code,
    message,
  }));
  process.send(answer ?? {});
});
process.on('disconnect', () => process.exit());
