/** Runs rotate.ts on a file of its own: refused twice, stopped midway, to the end, and once more without effect. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { takeCensus, type Census } from '@bytelyst/field-encrypt';
import Database from 'libsql';
import { factbookNotes } from './factbook/factbook-notes.js';
import { makeMasterKeys } from './factbook/master-keys.js';
import { note } from './factbook/note.js';
import { openNotebook } from './factbook/notebook.js';

const NOTES = 500;
const MOST_FENCE_LINES = 1;

const folder = mkdtempSync(join(tmpdir(), 'field-encrypt-rotate-'));
process.once('SIGINT', () => process.exit(130));
process.once('exit', () => {
  rmSync(folder, { recursive: true, force: true });
});
const file = join(folder, 'notes.sqlite');
const keys = makeMasterKeys();
await seed();

const untouched = storedRows();
assert.equal(await rotate({ variables: keys.newKeyAlone }), 3, 'The old key is missing');
assert.equal(await rotate({ name: join(folder, 'other.sqlite') }), 2, 'There is no such file');
assert.deepEqual(storedRows(), untouched, 'A rotation that was refused wrote something');

assert.equal(await rotate({ signal: 'SIGTERM' }), 130);
const halfWay = await census();
assert.ok(halfWay.behind > 0, 'A rotation that was stopped left nothing to do');

const stopped = storedRows();
assert.equal(await rotate({ variables: keys.newKeyAlone }), 1, 'Every row failed');
assert.deepEqual(storedRows(), stopped, 'A rotation of which every row failed wrote something');

assert.equal(await rotate(), 0);
const done = await census();
assert.ok(done.settled);
assert.deepEqual(keysByVersion(done), [NOTES, 0]);

const rows = storedRows();
assert.equal(await rotate(), 0);
assert.deepEqual(storedRows(), rows, 'A finished rotation that was run again wrote something');
console.log(
  `${String(halfWay.behind)} of ${String(NOTES)} keys were left, then 0, then nothing changed`,
);

async function seed(): Promise<void> {
  const { encryptor, notes, close } = await openNotebook(file, keys.oldKeyAlone);
  for (const plain of factbookNotes().slice(0, NOTES)) {
    await notes.create(await encryptor.encryptDocument(note, plain));
  }
  close();
}

interface Job {
  readonly signal?: NodeJS.Signals;
  readonly name?: string;
  readonly variables?: Readonly<Record<string, string>>;
}

/** @returns Its exit code; the signal is sent when the first rows are in flight. */
async function rotate({ signal, name = file, variables = keys.bothKeys }: Job = {}): Promise<
  number | null
> {
  const script = fileURLToPath(new URL('rotate.ts', import.meta.url));
  const job = spawn(process.execPath, ['--import', 'tsx', script, name], {
    env: { ...process.env, ...variables },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(job, 'exit') as Promise<[code: number | null]>;
  let fences = 0;
  for await (const line of createInterface({ input: job.stdout })) {
    console.log(line);
    if (line.includes('"type":"fence"')) fences += 1;
    if (signal && line.includes('"type":"pass"')) job.kill(signal);
  }
  const [code] = await ended;
  assert.ok(fences <= MOST_FENCE_LINES, 'A fence of two seconds has one line');
  return code;
}

async function census(): Promise<Census> {
  const { encryptor, close } = await openNotebook(file, keys.bothKeys);
  const taken = await takeCensus(encryptor);
  close();
  return taken;
}

/** The most used version first. */
function keysByVersion({ wraps }: Census): number[] {
  return wraps.map(({ active, retired }) => active + retired);
}

function storedRows(): unknown[] {
  const database = new Database(file);
  const rows = database.prepare('SELECT * FROM dek_store').all();
  database.close();
  return rows;
}
