/** The side of the backfill measurement that goes by the library. @module */
import { backfillDocuments } from '@bytelyst/field-encrypt';
import { note, openNotes } from './backfill-notes.mjs';
import { serveSteps, STEP_NOTES } from './steps.mjs';

const ROWS_PER_LOOK = 100;

const { file, count, mek } = JSON.parse(process.argv[2]);
const { database, encryptor, notes } = openNotes(file, mek);
let pass = 0;
let peakRss = 0;

serveSteps(database, steps());

async function* steps() {
  for await (const event of backfillDocuments(encryptor, note, notes)) {
    if (event.type === 'pass') pass = event.pass;
    if (event.type === 'pass' && pass === 1) yield { pass: 0 };
    if (event.type === 'finished') requireComplete(event.summary);
    if (event.key && isWholeStep(event)) yield { pass, peakRss };
  }
}

function isWholeStep({ type, error, counts: { scanned } }) {
  if (type === 'failed') throw error;
  // Not by `resourceUsage().maxRSS`: on Linux a child has its parent's from before the `exec`.
  if (scanned % ROWS_PER_LOOK === 0) peakRss = Math.max(peakRss, process.memoryUsage.rss());
  return scanned % STEP_NOTES === 0;
}

function requireComplete({ complete, rewritten, passes }) {
  if (complete && rewritten === count && passes === 2) return;
  throw new Error(`Rewrote ${rewritten} notes in ${passes} passes, complete: ${complete}`);
}
