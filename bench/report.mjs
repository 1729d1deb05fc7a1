/**
 * `npm run bench:report`: a report of a million rows, through the code that writes reports; how large the file is,
 * how long it takes, and what stays in memory.
 *
 * The heap is measured after garbage is collected, at a tenth of the events and at the end: it is flat where both
 * are the same. Options: `--events`, 1,000,000 by default; `--json` prints one JSON object.
 *
 * @module
 */
import { createReadStream, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { FieldEncryptionError } from '@bytelyst/field-encrypt';
import { readSealedReport, verifySeal } from '../command/report/verify-seal.ts';
import { ItemCount, JsonReport } from '../command/report/json-report.ts';
import { NewFile } from '../command/report/new-file.ts';
import { RunRecord } from '../command/report/run-record.ts';
import { temporaryFolder } from './temporary-folder.mjs';

const MIB = 2 ** 20;
const SECRETS = [`whsec_${Buffer.alloc(32, 7).toString('base64')}`];
const FROM = { keyProvider: 'akv', mekName: 'notelett', mekVersion: 'a'.repeat(32) };
const TARGET = { ...FROM, mekVersion: 'b'.repeat(32) };
/** One of a hundred fails. */
const FAILED = 100;

const { values } = parseArgs({
  options: { json: { type: 'boolean' }, events: { type: 'string', default: '1000000' } },
});
const events = Number(values.events);
if (!Number.isSafeInteger(events) || events < 10)
  throw new RangeError('"--events" expected 10 or more');

const file = join(temporaryFolder(), 'report.json');
const json = new JsonReport(new NewFile(file, 'report'));
const items = new ItemCount();
const startedMs = performance.now();
const record = new RunRecord({
  documentKeys: false,
  onlyFailures: false,
  // A tenth of a second for each event: the figures over time are merged again and again.
  elapsedMs: () => done * 100,
  vault: () => ({ vaultOps: 3 * done, throttled: 0 }),
  onItem: (item) => {
    json.item(items.add(item));
  },
});
let done = 0;
let heapAtTenth = 0;
record.event({ type: 'begun', target: TARGET });
record.event({ type: 'pass' });
while (done < events) {
  done += 1;
  record.event(eventOf(done));
  if (done === Math.floor(events / 10)) heapAtTenth = heapNow();
}
const heapAtEnd = heapNow();
const throughput = record.throughput();
const evidence = { throughput, failures: record.failures(), items: items.total };
json.finish(JSON.stringify({ schema: 1, evidence }, undefined, 2), {
  id: 'bench',
  wallMs: 0,
  secrets: SECRETS,
});
const seconds = (performance.now() - startedMs) / 1_000;
const verdict = verifySeal(await readSealedReport(file, file), SECRETS);
const result = {
  events,
  items: items.total.count,
  'lines of items': await linesOf(file),
  points: throughput.length,
  'file MiB': rounded(statSync(file).size / MIB),
  seconds: rounded(seconds),
  'events a second': Math.round(events / seconds),
  'heap MiB at a tenth': rounded(heapAtTenth / MIB),
  'heap MiB at the end': rounded(heapAtEnd / MIB),
  'most resident MiB': rounded(process.resourceUsage().maxRSS / 1_024),
  verdict: verdict.message,
};
if (values.json) console.log(JSON.stringify(result));
else console.table(result);

function eventOf(number) {
  const dekId = `${number.toString(16).padStart(32, '0')}.1`;
  const failed = Math.floor(number / FAILED);
  const counts = {
    scanned: number,
    changed: number - failed,
    unchanged: 0,
    skipped: 0,
    failed,
    wouldChange: 0,
  };
  if (number % FAILED !== 0) return { type: 'changed', dekId, from: FROM, counts };
  const error = new FieldEncryptionError('ROW_UNSUPPORTED', 'Of another version');
  return { type: 'failed', dekId, error, counts };
}

function heapNow() {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

async function linesOf(path) {
  let lines = 0;
  let rest = '';
  for await (const part of createReadStream(path, 'utf8')) {
    const all = (rest + part).split('\n');
    rest = all.pop();
    lines += all.filter((line) => line.startsWith('{"dekId"')).length;
  }
  return lines;
}

function rounded(value) {
  return Math.round(value * 100) / 100;
}
