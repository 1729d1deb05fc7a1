/**
 * `npm run bench -- --fleet`: how much faster eight processes with a shard each are than one, where what
 * they wait for is the vault.
 *
 * The Key Vault for tests runs in a process of its own, over HTTPS, and takes a while for each request.
 * Each process has one row under way. One process and eight take turns, each with a copy of the same
 * file; the time is from the end of the fence until the last of them is done, scans of all rows
 * included. Rows go from one version of the vault's key to the next: three requests each.
 *
 * @module
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'libsql';
import { median } from './measure.mjs';
import { newMeks } from './rewrap-rotation.mjs';
import { seedFile } from './rewrap-seed.mjs';
import { temporaryFolder } from './temporary-folder.mjs';

const WORKERS = 8;
const ROWS = 320;
const LATENCY_MS = 40;
const MEK_NAME = 'bench-mek';
const MS_PER_S = 1_000;

const children = new Set();
process.prependOnceListener('exit', () => {
  for (const each of children) each.kill('SIGKILL');
});

/** @returns For each round `{ one, fleet }`: `{ rowsPerSecond, wraps, … }`. */
export async function measureFleet(rounds) {
  const vault = startVault();
  const { env, ...place } = await messageOf(vault);
  const seed = await seedUnder(place, env);
  const turns = [];
  for (let round = 0; round < rounds; round += 1) {
    const one = await rewrapBy([undefined], seed, `one-${round}`);
    const shards = Array.from({ length: WORKERS }, (_each, index) => ({ index, count: WORKERS }));
    turns.push({ one, fleet: await rewrapBy(shards, seed, `fleet-${round}`) });
  }
  vault.kill();
  return turns;
}

export function printFleet(turns) {
  const rate = (name) => median(turns.map((turn) => turn[name].rowsPerSecond));
  const ratio = median(turns.map(({ one, fleet }) => fleet.rowsPerSecond / one.rowsPerSecond));
  const wasted = median(turns.map(({ fleet }) => fleet.wraps - ROWS));
  console.log(
    `Node ${process.version}, ${turns.length} rounds; ${ROWS} rows, ${LATENCY_MS} ms for each request\n`,
  );
  console.log(`1 process      ${rate('one').toFixed(1)} rows/s`);
  console.log(`${WORKERS} processes    ${rate('fleet').toFixed(1)} rows/s`);
  console.log(`ratio          ${ratio.toFixed(2)}`);
  console.log(`wasted wraps   ${wasted} of ${ROWS + wasted}`);
}

/** The rows of the env provider, moved into the vault before anything is measured. */
async function seedUnder(place, env) {
  const file = join(temporaryFolder(), 'fleet.sqlite');
  const { source: mek } = newMeks();
  await seedFile(file, ROWS, mek);
  const job = { ...jobOf(place, place.source), file, mek, concurrency: WORKERS };
  await finishAll([startWorker(job, env)]);
  const database = new Database(file);
  // All of it into the one file, which can be copied then.
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  database.close();
  return { file, mek, place, env };
}

async function rewrapBy(shards, { file, mek, place, env }, name) {
  const copy = join(temporaryFolder(), `${name}.sqlite`);
  copyFileSync(file, copy);
  const job = { ...jobOf(place, place.target), file: copy, mek, concurrency: 1 };
  return finishAll(shards.map((shard) => startWorker({ ...job, shard }, env)));
}

function jobOf({ vaultUrl }, mekVersion) {
  return { vaultUrl, mekName: MEK_NAME, mekVersion };
}

/** All begin when all have loaded what they need. */
async function finishAll(workers) {
  await Promise.all(workers.map(messageOf));
  const begun = Promise.any(
    workers.map(async (worker) => {
      await messageOf(worker);
      return performance.now();
    }),
  );
  const finishes = workers.map(finishOf);
  for (const worker of workers) worker.send('go');
  const results = await Promise.all(finishes);
  const wallMs = performance.now() - (await begun);
  const sum = (of) => results.reduce((total, result) => total + of(result), 0);
  const rewrapped = sum(({ summary }) => summary.changed);
  if (rewrapped !== ROWS || !results.every(({ summary }) => summary.complete)) {
    throw new Error(`Rewrapped ${rewrapped} of ${ROWS} rows`);
  }
  // Each proved the target once.
  const wraps = sum(({ calls }) => calls.wrapKey - 1);
  return { rowsPerSecond: (MS_PER_S * ROWS) / wallMs, wraps };
}

function finishOf(worker) {
  return new Promise((resolve, reject) => {
    worker.on('message', (message) => {
      if (message.summary) resolve(message);
    });
    worker.once('exit', (code) => reject(new Error(`A worker ended with ${code}`)));
  });
}

function startVault() {
  const job = JSON.stringify({ mekName: MEK_NAME, latencyMs: LATENCY_MS });
  return start('fleet-vault.mjs', job, { execArgv: ['--import', 'tsx'] });
}

function startWorker(job, env) {
  return start('fleet-worker.mjs', JSON.stringify(job), {
    execArgv: [],
    env: { ...process.env, ...env },
  });
}

function start(script, job, options) {
  const child = fork(new URL(script, import.meta.url), [job], options);
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

async function messageOf(child) {
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`A process ended with ${code}`);
  });
  ended.catch(() => undefined);
  const [message] = await Promise.race([once(child, 'message'), ended]);
  return message;
}
