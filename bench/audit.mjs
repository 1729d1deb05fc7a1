/**
 * `npm run bench:audit`: a rotation with the audit trail against the same rotation without it.
 *
 * Both rotate the same rows in memory, in turns and in one process, each to the other of two MEKs; the fence, a wait,
 * takes no time. The trail is a file, synced after each event. The ratio is the speed with the trail as a share of
 * the speed without it, by the clock and by processor time. Options: `--rounds`, 11 by default; `--rows`, 10,000;
 * `--json` prints one JSON object.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  createFieldEncryptor,
  defineDocument,
  EnvKeyProvider,
  rewrapAllDeks,
  systemClock,
} from '@bytelyst/field-encrypt';
import { FileAuditSink } from '@bytelyst/field-encrypt/audit';
import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';
import { median, speedRatio } from './measure.mjs';
import { temporaryFolder } from './temporary-folder.mjs';

const WARM_ROUNDS = 3;
const LIST = 500;

const { values } = parseArgs({
  options: {
    json: { type: 'boolean' },
    rounds: { type: 'string', default: '11' },
    rows: { type: 'string', default: '10000' },
  },
});
const [rounds, rows] = [numberIn('rounds', 1), numberIn('rows', 100)];

let waitedMs = 0;
/** A wait is over at once. */
const clock = {
  ...systemClock,
  wallMs: () => systemClock.wallMs() + waitedMs,
  monotonicMs: () => systemClock.monotonicMs() + waitedMs,
  async sleep(durationMs) {
    waitedMs += durationMs;
    await systemClock.sleep(0);
  },
};
const keys = [randomBytes(32), randomBytes(32)].map((key) => key.toString('hex'));
const dekStore = new MemoryDekStore();
const file = join(temporaryFolder(), 'audit.jsonl');
const audit = { sink: new FileAuditSink({ file }) };
let current = 0;

await seed();
const times = { with: [], without: [] };
for (let round = -WARM_ROUNDS; round < rounds; round += 1) {
  const sides = round % 2 === 0 ? ['with', 'without'] : ['without', 'with'];
  for (const side of sides) {
    const time = await rotation(side === 'with' ? { audit } : {});
    if (round >= 0) times[side].push(time);
  }
}
const figures = { rows, rounds, speed: ratioOf('wallMs'), processorTime: ratioOf('cpuMs') };
if (values.json) console.log(JSON.stringify({ node: process.version, figures }));
else print();

function numberIn(name, least) {
  const number = Number(values[name]);
  if (Number.isSafeInteger(number) && number >= least) return number;
  throw new RangeError(`"--${name}" expected ${least} or more`);
}

function encryptionTo(index, parts = {}) {
  const [key, previous] = [keys[index], keys[1 - index]];
  const keyProviders = [new EnvKeyProvider({ key, previousKeys: [previous] })];
  return { product: 'notelett', keyProviders, dekStore, clock, ...parts };
}

async function seed() {
  const note = defineDocument()({ collection: 'notes', key: ['id'], fields: ['body'] });
  const encryptor = createFieldEncryptor(encryptionTo(current));
  for (let from = 0; from < rows; from += LIST) {
    const count = Math.min(LIST, rows - from);
    const list = Array.from({ length: count }, (_, index) => ({
      id: `${from + index}`,
      body: 'text',
    }));
    for (const { ok, error } of await encryptor.encryptDocuments(note, list)) if (!ok) throw error;
  }
}

async function rotation(parts) {
  current = 1 - current;
  const encryption = encryptionTo(current, parts);
  const target = { mekVersion: await encryption.keyProviders[0].currentVersion() };
  globalThis.gc?.();
  const [startMs, startCpu] = [performance.now(), process.cpuUsage()];
  let summary;
  for await (const event of rewrapAllDeks(encryption, { target })) summary = event.summary;
  const { user, system } = process.cpuUsage(startCpu);
  if (!summary.complete || summary.changed !== rows) throw new Error('Not all rows were rewrapped');
  return { wallMs: performance.now() - startMs, cpuMs: (user + system) / 1_000 };
}

function ratioOf(scale) {
  const [own, other] = [times.with, times.without].map((each) => each.map((time) => time[scale]));
  return { ...speedRatio(own, other), rowsPerSecond: (1_000 * rows) / median(own) };
}

function print() {
  console.log(
    `Node ${process.version}, ${rounds} rounds of ${rows} rows; ratio = speed / speed without audit\n`,
  );
  for (const [name, { ratio, spread, rowsPerSecond }] of Object.entries(figures).slice(2)) {
    const speed = `${rowsPerSecond.toFixed(0)} rows/s`.padStart(16);
    console.log(`${name.padEnd(16)}${ratio.toFixed(3).padStart(8)} ±${spread.toFixed(3)}${speed}`);
  }
}
