/**
 * The second process of the demo: reads the seeded notes, and creates, edits and reads its own, until
 * it is asked to stop. Prints `reading` once it does, and last what it did, as one line of JSON.
 */
import { argv, stdin } from 'node:process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { createFieldEncryptor, type DocumentKey } from '@bytelyst/field-encrypt';
import { CountingKeyProvider } from './counting-key-provider.js';
import { DraftWriter } from './draft-writer.js';
import type { TrafficMoment, TrafficReport } from './live-traffic.js';
import { note } from './note.js';
import { openNotebook, storedNotes } from './notebook.js';

const READS_A_ROUND = 6;
const WARM_UP_ROUNDS = 40;
const NAMED_FAILURES = 3;
const PAUSE_MS = 2;

const [place = '', journal = ''] = argv.slice(2);
const notebook = await openNotebook(place);
const { product, dekStore, dekCache, keyProviders } = notebook.encryptor;
const [provider] = keyProviders.map((each) => new CountingKeyProvider(each));
if (!provider) throw new Error('No key provider is configured');
const encryptor = createFieldEncryptor({ product, dekStore, dekCache, keyProviders: [provider] });

const seeded = await seededKeys();
const drafts = new DraftWriter(encryptor, notebook.notes, journal);
const done = { reads: 0, writes: 0, failures: 0 };
const at: Partial<Record<TrafficMoment, typeof done>> = {};
const stopped = new AbortController();

// Ctrl-C reaches the whole process group; the first process decides what becomes of this one.
process.on('SIGINT', () => undefined);
const orders = createInterface({ input: stdin });
orders.on('close', () => {
  stopped.abort();
});
orders.on('line', (moment) => (at[moment as TrafficMoment] = { ...done }));

for (let round = 0; round < WARM_UP_ROUNDS; round += 1) await readAndWrite();
console.log('reading');
while (!stopped.signal.aborted) await readAndWrite();
notebook.close();
console.log(JSON.stringify(report()));

async function seededKeys(): Promise<DocumentKey<typeof note>[]> {
  const keys = [];
  for await (const page of storedNotes(notebook)) {
    keys.push(...page.map(({ workspaceId, id }) => ({ workspaceId, id })));
  }
  return keys;
}

async function readAndWrite(): Promise<void> {
  for (let read = 0; read < READS_A_ROUND; read += 1) await attempt('reads', readSeeded);
  await attempt('writes', () => drafts.write());
  await attempt('reads', () => drafts.readOne());
  await sleep(PAUSE_MS);
}

async function attempt(what: 'reads' | 'writes', work: () => Promise<void>): Promise<void> {
  try {
    await work();
    done[what] += 1;
  } catch (error) {
    done.failures += 1;
    if (done.failures > NAMED_FAILURES) return;
    console.error(`   The second process failed at its ${what}: ${String(error)}`);
  }
}

async function readSeeded(): Promise<void> {
  const key = seeded[Math.floor(Math.random() * seeded.length)];
  const stored = key && (await notebook.notes.get(key));
  if (!stored) throw new Error(`The note ${JSON.stringify(key)} is gone`);
  await encryptor.decryptDocument(note, stored.document, { expect: key });
}

function report(): TrafficReport {
  const [begun = done, finished = done] = [at.begun, at.finished];
  return {
    pid: process.pid,
    ...done,
    readsDuringRotation: finished.reads - begun.reads,
    writesDuringRotation: finished.writes - begun.writes,
    unwraps: Object.fromEntries(provider?.unwraps ?? []),
  };
}
