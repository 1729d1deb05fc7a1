/**
 * A child process: one worker of a fleet that rewraps the DEKs of a file. Prints each finished
 * row, and at the end the outcome and the number of wraps. After a number of rows it pauses completely, to be
 * killed at that point.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { EnvKeyProvider, rewrapAllDeks, systemClock } from '@bytelyst/field-encrypt';
import { SqliteDekStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';

/** Rows take long enough for all to be at work at once, and no two of them alike. */
const LONGEST_ANSWER_MS = 8;
/** If the test is gone, no process is left to kill this one. */
const PATIENCE_MS = 600_000;

const { file, keys, target, shard, parkAfter, clockStepMs } = JSON.parse(process.argv[2]);
const [key, ...previousKeys] = keys;
const env = new EnvKeyProvider({ key, previousKeys });
let wraps = 0;
let rows = 0;

const slowProvider = {
  id: env.id,
  mekName: env.mekName,
  wrapAlgorithm: env.wrapAlgorithm,
  currentVersion: () => env.currentVersion(),
  async wrapKey(dek, options) {
    wraps += 1;
    const wrap = await env.wrapKey(dek, options);
    await sleep(Math.random() * LONGEST_ANSWER_MS);
    return wrap;
  },
  async unwrapKey(wrap) {
    await sleep(Math.random() * LONGEST_ANSWER_MS);
    return env.unwrapKey(wrap);
  },
};

/** No other worker has these instants: `rewrappedAt` says who wrote a row. */
const clock = {
  ...systemClock,
  wallMs: () => Math.floor(Date.now() / clockStepMs) * clockStepMs + shard.index,
};

function tell(message) {
  return new Promise((resolve) => process.send(message, resolve));
}

async function tellOfRow(dekId) {
  await tell({ dekId });
  rows += 1;
  if (rows !== parkAfter) return;
  await tell('parked');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PATIENCE_MS);
  process.exit(70);
}

process.once('disconnect', () => process.exit());
const dekStore = new SqliteDekStore(new Database(file));
process.send('ready');
await once(process, 'message');
const rewrapping = rewrapAllDeks(
  { product: 'notelett', keyProviders: [slowProvider], dekStore, clock },
  { target: { mekVersion: target }, shard, concurrency: 2 },
);
for await (const event of rewrapping) {
  if (event.type === 'changed') await tellOfRow(event.dekId);
  // The first wrap was to prove the target.
  if (event.type === 'finished') await tell({ summary: event.summary, wraps: wraps - 1 });
}
process.disconnect();
