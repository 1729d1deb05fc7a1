/**
 * `npm run bench:command`: a rotation by `encrypt-migrate` against the same rotation by a script that calls the
 * library, and how fast the command starts.
 *
 * Both sides are whole processes over copies of one file, in turns; the fence, a wait of the same length on both
 * sides, is taken out. The ratio of processor times is beside that of times by the clock, as the disk may be
 * slow. Memory is the largest resident size of the command with 10,000 rows and with all. Options: `--rounds`,
 * 3 by default; `--rows`, 100,000; `--json` prints one JSON object.
 *
 * @module
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { median, speedRatio } from './measure.mjs';
import { processorMsOf } from './processor-time.mjs';
import { mekFrom, newMeks, PRODUCT } from './rewrap-rotation.mjs';
import { seedFile } from './rewrap-seed.mjs';
import { temporaryFolder } from './temporary-folder.mjs';

const ROOT = join(import.meta.dirname, '..');
const BIN = join(ROOT, 'dist/command/encrypt-migrate.js');
const SCRIPT = join(import.meta.dirname, 'command-script.mjs');
const FENCE_MS = 1_000;
const FEW_ROWS = 10_000;
const STARTS = 20;
const MIB = 2 ** 20;

const { values } = parseArgs({
  options: {
    json: { type: 'boolean' },
    rounds: { type: 'string', default: '3' },
    rows: { type: 'string', default: '100000' },
  },
});
const [rounds, rows] = [numberIn('rounds'), numberIn('rows')];
const folder = temporaryFolder();
const meks = newMeks();
const seeded = new Set();
symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));

const start = measureStart();
const few = await rotationOf(FEW_ROWS, 'command');
const turns = [];
for (let round = 0; round < rounds; round += 1) {
  const order = round % 2 === 0 ? ['command', 'script'] : ['script', 'command'];
  const turn = {};
  for (const side of order) turn[side] = await rotationOf(rows, side);
  turns.push(turn);
}
const figures = {
  rows,
  rounds,
  speed: ratioOf('wallMs'),
  processorTime: ratioOf('cpuMs'),
  commandRowsPerSecond: (1_000 * rows) / median(turns.map(({ command }) => command.wallMs)),
  rssFewMiB: few.rssBytes / MIB,
  rssAllMiB: median(turns.map(({ command }) => command.rssBytes)) / MIB,
  start,
};
if (values.json) console.log(JSON.stringify({ node: process.version, figures }));
else print(figures);

function numberIn(name) {
  const number = Number(values[name]);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new RangeError(`"--${name}" expected 1 or more`);
  return number;
}

/** Of the script's time: 1 where both are as fast. */
function ratioOf(clock) {
  const times = (side) => turns.map((turn) => turn[side][clock]);
  return speedRatio(times('command'), times('script'));
}

async function rotationOf(count, side) {
  const seed = join(folder, `seed-${count}.sqlite`);
  if (!seeded.has(count)) await seedFile(seed, count, meks.source);
  seeded.add(count);
  const at = join(folder, 'run');
  mkdirSync(at);
  copyFileSync(seed, join(at, 'deks.sqlite'));
  writeFileSync(join(at, 'encrypt-migrate.config.json'), JSON.stringify(configuration()));
  try {
    return await measured(at, side);
  } finally {
    rmSync(at, { recursive: true });
  }
}

function configuration() {
  const provider = { type: 'env', key: { env: 'TARGET' }, previousKeys: { env: 'SOURCE' } };
  const dekStore = { type: 'sqlite', file: 'deks.sqlite', driver: 'libsql' };
  return { products: { [PRODUCT]: { providers: [provider], dekStore, collections: {} } } };
}

async function measured(cwd, side) {
  const { mekVersion } = mekFrom(meks.target);
  const args =
    side === 'command'
      ? [BIN, 'rewrap-deks', '--new-mek-version', mekVersion, '--json']
      : [SCRIPT, PRODUCT, mekVersion];
  const env = { PATH: process.env.PATH, TARGET: meks.target, SOURCE: meks.source };
  const startedMs = performance.now();
  const child = spawn(process.execPath, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let [output, usage] = ['', { cpuMs: 0, rssBytes: 0 }];
  child.stdout.on('data', (part) => (output += part));
  child.stderr.resume();
  const watch = setInterval(() => (usage = usageOf(child.pid) ?? usage), 50);
  const [code] = await once(child, 'close');
  clearInterval(watch);
  if (code !== 0) throw new Error(`The ${side} ended with ${code}: ${output}`);
  return { wallMs: performance.now() - startedMs - FENCE_MS, ...usage };
}

/** Of a process that still runs: Node does not say it of a child that has ended. */
function usageOf(pid) {
  try {
    const cpuMs = processorMsOf(pid);
    const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return cpuMs === undefined ? undefined : { cpuMs, rssBytes: kib * 1_024 };
  } catch {
    return undefined;
  }
}

function measureStart() {
  const [helps, nothings] = [[], []];
  for (let at = 0; at < STARTS; at += 1) {
    nothings.push(timeOf(['-e', '0']));
    helps.push(timeOf([BIN, '--help']));
  }
  return {
    ratio: median(helps) / median(nothings),
    helpMs: median(helps),
    nodeMs: median(nothings),
  };
}

function timeOf(args) {
  const startedMs = performance.now();
  execFileSync(process.execPath, args, { stdio: 'ignore' });
  return performance.now() - startedMs;
}

function print({
  speed,
  processorTime,
  commandRowsPerSecond,
  rssFewMiB,
  rssAllMiB,
  start: starts,
}) {
  const row = (name, value, aim) => ({ figure: name, value, aim });
  console.table([
    row(
      'speed of a rotation by the command, as a share of the script',
      shown(speed),
      '0.9 or more',
    ),
    row('the same by processor time', shown(processorTime), '0.9 or more'),
    row('rows per second of the command', Math.round(commandRowsPerSecond), ''),
    row(`memory with ${FEW_ROWS} rows, MiB`, Math.round(rssFewMiB), ''),
    row(`memory with ${rows} rows, MiB`, Math.round(rssAllMiB), 'about the same'),
    row('start: --help, as a multiple of node -e 0', starts.ratio.toFixed(2), '4 or less'),
  ]);
}

function shown({ ratio, spread }) {
  return `${ratio.toFixed(2)} ± ${spread.toFixed(2)}`;
}
