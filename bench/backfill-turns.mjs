/** The library and two plain loops backfill the same notes, and take turns at it. @module */
import { deepEqual } from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { note, openNotes, seedNotes } from './backfill-notes.mjs';
import { newMeks } from './rewrap-rotation.mjs';
import { Side } from './side.mjs';
import { STEP_NOTES } from './steps.mjs';

// The compiler has finished after these; fewer where there are few steps.
const WARM_SHARE = 0.2;
// Without the disk, however quick it is.
const QUICK_SHARE = 0.2;
const COMPARED_NOTES = 1_000;

/**
 * Backfills all notes by the three, each turn a step of each.
 *
 * @param durableMs - How long to go by the disk, as in rewrap-turns.mjs.
 * @returns `{ turns, scans }`: steps `{ isDurable, measured, against, shared }` of the warmed-up
 * processes, and the library's steps thereafter.
 */
export async function takeTurns(folder, count, durableMs) {
  const files = ['library', 'plain', 'shared'].map((name) =>
    join(folder, `backfill-${name}.sqlite`),
  );
  const [file, plainFile, sharedFile] = files;
  const mek = newMeks().source;
  await seedNotes(file, count, mek);
  for (const copy of [plainFile, sharedFile]) copyFileSync(file, copy);
  const library = await startSide('library', { file, count, mek });
  const plain = await startSide('plain', { file: plainFile, mek, hasDeks: true });
  const shared = await startSide('plain', { file: sharedFile, mek, hasDeks: false });
  const sides = { measured: library, against: plain, shared };
  const turns = await turnsOf(sides, count / STEP_NOTES, durableMs);
  await Promise.all([plain.stop(), shared.stop()]);
  const scans = await remainingSteps(library);
  // By the library: what the plain loop wrote after docs/format.md opens as well.
  deepEqual(await openSome(plainFile, mek), await openSome(file, mek));
  return { turns: turns.slice(turns.length * WARM_SHARE), scans };
}

/** @returns The most memory that the library's process had between two steps, in bytes. */
export async function peakRss(folder, count) {
  const file = join(folder, `backfill-${count}.sqlite`);
  const mek = newMeks().source;
  await seedNotes(file, count, mek);
  const library = await startSide('library', { file, count, mek }, true);
  const steps = await remainingSteps(library);
  return Math.max(...steps.map(({ rss }) => rss));
}

/** The first step is over when the first note comes; it sets the file up, as durable as it ever is. */
async function startSide(name, job, seesMemory) {
  const side = new Side(`backfill-${name}.mjs`, job, seesMemory);
  await side.step(true);
  return side;
}

async function turnsOf(sides, steps, durableMs) {
  const turns = [];
  let leftMs = durableMs;
  while (turns.length < steps) {
    const share = turns.length / steps;
    const isDurable = share >= WARM_SHARE && share < 1 - QUICK_SHARE && leftMs > 0;
    const turn = { isDurable };
    for (const [name, side] of Object.entries(sides)) {
      turn[name] = await side.step(isDurable);
      if (isDurable) leftMs -= turn[name].wallMs;
    }
    turns.push(turn);
  }
  return turns;
}

async function remainingSteps(side) {
  const steps = [];
  for (let step = await side.step(false); step; step = await side.step(false)) steps.push(step);
  await side.stop();
  return steps;
}

async function openSome(file, mek) {
  const { database, encryptor, notes } = openNotes(file, mek);
  const { items } = await notes.list({ pageSize: COMPARED_NOTES });
  const opened = items.map(({ document }) => encryptor.decryptDocument(note, document));
  const documents = await Promise.all(opened);
  database.close();
  return documents;
}
