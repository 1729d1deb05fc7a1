/** The side of the backfill measurement that goes by the library. @module */
import { backfillDocuments } from '@bytelyst/field-encrypt';
import { note, openNotes } from './backfill-notes.mjs';
import { serveSteps, STEP_NOTES } from './steps.mjs';

const { file, count, mek } = JSON.parse(process.argv[2]);
const { database, encryptor, notes } = openNotes(file, mek);
let pass = 0;

serveSteps(database, steps());

async function* steps() {
  for await (const event of backfillDocuments(encryptor, note, notes)) {
    if (event.type === 'pass') pass = event.pass;
    if (event.type === 'pass' && pass === 1) yield { pass: 0 };
    if (event.type === 'finished') requireComplete(event.summary);
    if (event.key && isWholeStep(event)) yield { pass };
  }
}

function isWholeStep({ type, error, counts: { scanned } }) {
  if (type === 'failed') throw error;
  return scanned % STEP_NOTES === 0;
}

function requireComplete({ complete, changed, passes }) {
  if (complete && changed === count && passes === 2) return;
  throw new Error(`Rewrote ${changed} notes in ${passes} passes, complete: ${complete}`);
}
