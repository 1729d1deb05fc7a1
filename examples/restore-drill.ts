/**
 * Loses a DEK store and gets it back: backs up, writes on, loses the store, restores the backup, adopts it,
 * imports the rows that a damaged copy still has, and finds the documents that are lost. Fails where anything
 * else is lost than what neither the backup nor the copy has.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  adoptRestoredStore,
  createFieldEncryptor,
  defineDocument,
  EnvKeyProvider,
  findMissingDeks,
  importDekRows,
  rewrapAllDeks,
  type EncryptedDocument,
  type FieldEncryptor,
} from '@bytelyst/field-encrypt';
import { SqliteDekStore, SqliteDocumentStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';

interface Note {
  readonly id: string;
  readonly body: string;
}

const BEFORE = 40;
const AFTER = 10;
/** Of the notes that were written after the backup: those whose rows the damaged copy has lost too. */
const GONE = 3;

const note = defineDocument<Note>()({ collection: 'notes', key: ['id'], fields: ['body'] });
const folder = mkdtempSync(join(tmpdir(), 'field-encrypt-restore-'));
process.once('exit', () => {
  rmSync(folder, { recursive: true, force: true });
});
const [live, backup, damaged] = ['live', 'backup', 'damaged'].map((name) =>
  join(folder, `${name}.sqlite`),
) as [string, string, string];
const [oldKey, newKey] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')];
const notes = new SqliteDocumentStore<EncryptedDocument<typeof note>>(
  new Database(join(folder, 'notes.sqlite')),
  {
    table: 'notes',
    key: ['id'],
  },
);

const service = encryptorOver(live, new EnvKeyProvider({ key: oldKey }));
await write(service, 0, BEFORE);
snapshot(live, backup);
console.log(`Backed up the store with ${String(await rowsIn(service))} rows`);

await write(service, BEFORE, AFTER);
const { shredded: shredAgain } = await service.shred(note, { id: 'note-0' });
const epochSeen = await rotate(encryptorOver(live));
snapshot(live, damaged);
const gone = await loseRows(damaged);
// SQLite keeps the newest writes beside the file: a log of the lost store must not meet the restored one.
for (const part of ['', '-wal', '-shm']) rmSync(`${live}${part}`, { force: true });
console.log(`Wrote ${String(AFTER)} notes, shredded one, rotated, and lost the store`);

copyFileSync(backup, live);
const restored = encryptorOver(live);
for (const dryRun of [true, false]) await adopt(restored, dryRun);
await importFrom(restored, damaged);
await rotate(restored);
assert.deepEqual(await missing(restored), ['note-0', ...gone].sort());
await assert.rejects(readNote(restored, 'note-0'), { code: 'DEK_SHREDDED' });
for (let number = 1; number < BEFORE + AFTER - GONE; number += 1) {
  assert.equal(await readNote(restored, `note-${String(number)}`), `body of ${String(number)}`);
}
await write(restored, BEFORE + AFTER, 1);
console.log(`All notes open but the shredded one and ${String(GONE)} that no copy has`);

function encryptorOver(
  file: string,
  provider = new EnvKeyProvider({ key: newKey, previousKeys: [oldKey] }),
): FieldEncryptor {
  return createFieldEncryptor({
    product: 'notelett',
    keyProviders: [provider],
    dekStore: new SqliteDekStore(new Database(file)),
    fenceTtlMs: 1_000,
  });
}

/** As a backup does: the file as it is at one moment. */
function snapshot(from: string, to: string): void {
  new Database(from).exec(`VACUUM INTO '${to}'`);
}

async function write(encryptor: FieldEncryptor, from: number, count: number): Promise<void> {
  for (let number = from; number < from + count; number += 1) {
    const plain = { id: `note-${String(number)}`, body: `body of ${String(number)}` };
    await notes.create(await encryptor.encryptDocument(note, plain));
  }
}

async function readNote(encryptor: FieldEncryptor, id: string): Promise<string> {
  const item = await notes.get({ id });
  assert.ok(item);
  return (await encryptor.decryptDocument(note, item.document)).body;
}

function rowsIn({ dekStore, product }: FieldEncryptor): Promise<number> {
  return dekStore.count({ product });
}

async function targetOf({ keyProviders }: FieldEncryptor): Promise<{ mekVersion: string }> {
  const [provider] = keyProviders;
  assert.ok(provider);
  return { mekVersion: await provider.currentVersion() };
}

/** @returns The epoch, which an operator finds in the log of the rotation. */
async function rotate(encryptor: FieldEncryptor): Promise<number> {
  const target = await targetOf(encryptor);
  for await (const event of rewrapAllDeks(encryptor, { target })) {
    if (event.type !== 'finished') continue;
    assert.ok(event.summary.complete);
    return event.summary.epoch;
  }
  throw new Error('The rotation ended without a summary');
}

/** @returns The ids of the notes whose rows it removes. */
async function loseRows(file: string): Promise<readonly string[]> {
  const ids = Array.from(
    { length: GONE },
    (_each, index) => `note-${String(BEFORE + AFTER - 1 - index)}`,
  );
  const database = new Database(file);
  const remove = database.prepare('DELETE FROM dek_store WHERE id = ?');
  for (const id of ids) {
    const item = await notes.get({ id });
    remove.run(item?.document.body.dekId ?? '');
  }
  database.close();
  return ids;
}

async function adopt(encryptor: FieldEncryptor, dryRun: boolean): Promise<void> {
  // The backup is from before the rotation: new DEKs are to be under its target anyway.
  const target = await targetOf(encryptor);
  const documents = [{ definition: note, documentStore: notes }];
  const run = adoptRestoredStore(encryptor, { target, epochSeen, shredAgain, documents, dryRun });
  for await (const event of run) {
    if (event.type === 'failed') throw event.error;
    if (event.type !== 'finished') continue;
    const { epoch, documentsWithoutDek, changed, wouldChange } = event.summary;
    assert.ok(epoch > epochSeen);
    assert.equal(changed + wouldChange, shredAgain.length);
    const what = dryRun ? 'Would be' : 'Is';
    console.log(
      `${what} at epoch ${String(epoch)}: ${String(documentsWithoutDek)} notes miss a DEK`,
    );
  }
}

async function importFrom(encryptor: FieldEncryptor, file: string): Promise<void> {
  const from = new SqliteDekStore(new Database(file));
  for await (const event of importDekRows(encryptor, { from })) {
    if (event.type === 'failed') throw event.error;
    if (event.type === 'finished') console.log(`Imported ${String(event.summary.changed)} rows`);
  }
}

async function missing(encryptor: FieldEncryptor): Promise<readonly string[]> {
  const ids: string[] = [];
  for await (const event of findMissingDeks(encryptor, note, notes)) {
    if (event.type === 'failed') throw event.error;
    if (event.type === 'missing') ids.push(event.key['id'] ?? '');
  }
  return ids.sort();
}
