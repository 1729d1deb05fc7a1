/** Runs recovery-drill.ts on a separate file, repairs what it finds, loses the MEK, and recovers. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addRecoveryWraps, recoverDeks } from '@bytelyst/field-encrypt';
import Database from 'libsql';
import { factbookNotes } from './factbook/factbook-notes.js';
import { makeMasterKeys } from './factbook/master-keys.js';
import { digestOf, note, type Note } from './factbook/note.js';
import { openNotebook, storedNotes, type Notebook } from './factbook/notebook.js';

const NOTES = 60;
const WITHOUT = 3;
const PASSPHRASE = 'of the drill';

const folder = mkdtempSync(join(tmpdir(), 'field-encrypt-recovery-'));
process.once('exit', () => {
  rmSync(folder, { recursive: true, force: true });
});
const [file, privateKeyFile] = [join(folder, 'notes.sqlite'), join(folder, 'recovery-private.pem')];
const { publicKey, privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 3072,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: {
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: PASSPHRASE,
  },
});
writeFileSync(privateKeyFile, privateKey, { mode: 0o600 });
const keys = makeMasterKeys();
const recoverable = { FIELD_ENCRYPT_RECOVERY_KEY: publicKey.replaceAll('\n', '\\n') };
const book = factbookNotes().slice(0, NOTES + WITHOUT);

await inNotebook({ ...keys.oldKeyAlone, ...recoverable }, (all) => store(all, book.slice(WITHOUT)));
assert.equal(drill(), 0);
await inNotebook(keys.oldKeyAlone, (all) => store(all, book.slice(0, WITHOUT)));
const before = storedRows();
assert.equal(drill(), 1, 'A drill that finds DEKs without a recovery wrap has to fail');
assert.deepEqual(storedRows(), before, 'The drill wrote something');
await inNotebook({ ...keys.oldKeyAlone, ...recoverable }, addWraps);
assert.equal(drill(), 0);

// From here on the old key is lost.
await inNotebook({ ...keys.newKeyAlone, ...recoverable }, recover);
await inNotebook(keys.newKeyAlone, readAll);
console.log(`${String(book.length)} notes read under a new master key, without the old one`);

async function inNotebook(
  env: Readonly<NodeJS.ProcessEnv>,
  work: (notebook: Notebook) => Promise<void>,
): Promise<void> {
  const notebook = await openNotebook(file, env);
  await work(notebook);
  notebook.close();
}

async function store({ encryptor, notes }: Notebook, some: readonly Note[]): Promise<void> {
  for (const plain of some) await notes.create(await encryptor.encryptDocument(note, plain));
}

async function addWraps({ encryptor }: Notebook): Promise<void> {
  for await (const event of addRecoveryWraps(encryptor)) {
    if (event.type === 'finished') assert.equal(event.summary.changed, WITHOUT);
  }
}

async function recover({ encryptor }: Notebook): Promise<void> {
  const [provider] = encryptor.keyProviders;
  assert.ok(provider);
  const target = { mekVersion: await provider.currentVersion() };
  const options = { privateKey, passphrase: PASSPHRASE, target };
  for await (const event of recoverDeks(encryptor, options)) {
    if (event.type === 'failed') console.error(event.dekId, event.error);
    if (event.type === 'finished') assert.ok(event.summary.complete);
  }
}

async function readAll(notebook: Notebook): Promise<void> {
  const digests = new Set<string>();
  for await (const stored of storedNotes(notebook)) {
    for (const outcome of await notebook.encryptor.decryptDocuments(note, stored)) {
      if (!outcome.ok) throw outcome.error;
      digests.add(digestOf(outcome.document));
    }
  }
  assert.deepEqual(digests, new Set(book.map(digestOf)));
}

/** @returns Its exit code. */
function drill(): number | null {
  const script = fileURLToPath(new URL('recovery-drill.ts', import.meta.url));
  const env = { ...process.env, ...keys.oldKeyAlone, RECOVERY_PASSPHRASE: PASSPHRASE };
  const parameters = ['--import', 'tsx', script, file, privateKeyFile];
  try {
    execFileSync(process.execPath, parameters, { env, stdio: 'inherit' });
    return 0;
  } catch (error) {
    return (error as { readonly status: number | null }).status;
  }
}

function storedRows(): unknown[] {
  const database = new Database(file);
  const rows = database.prepare('SELECT * FROM dek_store').all();
  database.close();
  return rows;
}
