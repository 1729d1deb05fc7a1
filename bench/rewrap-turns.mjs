/** The library and the plain loop rewrap the same rows, and take turns at it. @module */
import { deepEqual } from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'libsql';
import { newMeks } from './rewrap-rotation.mjs';
import { seedFile } from './rewrap-seed.mjs';
import { Side } from './side.mjs';
import { STEP_ROWS } from './steps.mjs';

// The compiler has finished after these.
const WARM_STEPS = 20;
// Without the disk, however quick it is.
const QUICK_STEPS = 20;
const COMPARED_ROWS = 1_000;

/**
 * Rewraps all rows by both, each turn a step of either.
 *
 * @param durableMs - How long to go by the disk: disks differ a hundredfold, so it may not be for all
 * rows. The rest is written with `synchronous=OFF`.
 * @returns `{ turns, scans }`: steps `{ isDurable, measured, against }` of the warmed-up processes, and
 * the library's steps thereafter.
 */
export async function takeTurns(folder, count, durableMs) {
  const [file, plainFile] = ['library', 'plain'].map((name) => join(folder, `${name}.sqlite`));
  const meks = newMeks();
  await seedFile(file, count, meks.source);
  copyFileSync(file, plainFile);
  const library = await startSide('library', { file, count, ...meks });
  const plain = await startSide('plain', { file: plainFile, ...meks });
  const turns = await turnsOf(library, plain, { steps: count / STEP_ROWS, durableMs });
  await plain.stop();
  const scans = await remainingSteps(library);
  requireSameRows(file, plainFile);
  return { turns: turns.slice(WARM_STEPS), scans };
}

/** @returns The most memory that the library's process had between two steps, in bytes. */
export async function peakRss(folder, count) {
  const file = join(folder, `memory-${count}.sqlite`);
  const meks = newMeks();
  await seedFile(file, count, meks.source);
  const library = await startSide('library', { file, count, ...meks }, true);
  const steps = await remainingSteps(library);
  return Math.max(...steps.map(({ rss }) => rss));
}

/** The first step is over when the first row comes; it sets the file up, as durable as it ever is. */
async function startSide(name, job, seesMemory) {
  const side = new Side(`rewrap-${name}.mjs`, job, seesMemory);
  await side.step(true);
  return side;
}

async function turnsOf(library, plain, { steps, durableMs }) {
  const turns = [];
  let leftMs = durableMs;
  while (turns.length < steps) {
    const isInBetween = turns.length >= WARM_STEPS && turns.length < steps - QUICK_STEPS;
    const isDurable = isInBetween && leftMs > 0;
    const measured = await library.step(isDurable);
    const against = await plain.step(isDurable);
    if (isDurable) leftMs -= measured.wallMs + against.wallMs;
    turns.push({ isDurable, measured, against });
  }
  return turns;
}

async function remainingSteps(side) {
  const steps = [];
  for (let step = await side.step(false); step; step = await side.step(false)) steps.push(step);
  await side.stop();
  return steps;
}

function requireSameRows(...files) {
  const [rows, plainRows] = files.map(readRows);
  deepEqual(rows, plainRows);
}

function readRows(file) {
  const select = `SELECT item FROM dek_store WHERE type = 'dek' ORDER BY id LIMIT ${COMPARED_ROWS}`;
  const database = new Database(file);
  const rows = database.prepare(select).all();
  database.close();
  return rows.map(({ item }) => ({ ...JSON.parse(item), rewrappedAt: undefined }));
}
