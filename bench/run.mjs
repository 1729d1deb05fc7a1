/**
 * `npm run bench`: how near the library comes to the fastest plain loop on the machine at hand.
 *
 * The figures are ratios within one interleaved run, never absolute speeds. Options: `--json` prints
 * one JSON object; `--rounds <n>` measures for longer or shorter, 31 by default.
 *
 * Needs `--expose-gc`, and `--max-semi-space-size=1`: with V8's own 16 MB one batch has no or one
 * collection of young objects, which alone makes it 10 % faster or slower; so it has dozens.
 *
 * @module
 */
import { parseArgs } from 'node:util';
import { measureBackfill } from './backfill.mjs';
import { hotPathPairs } from './hot-path.mjs';
import { measure, median, speedRatio } from './measure.mjs';
import { measureRewrap } from './rewrap.mjs';

const MS_PER_S = 1000;
const MIB = 2 ** 20;

const { json, rounds } = readOptions();
const pairs = await hotPathPairs();
const times = await measure(
  new Set(pairs.flatMap((pair) => [pair.measured, pair.against])),
  rounds,
);
const { rewrap100k, ...rewrapMemory } = await measureRewrap(rounds);
const { backfill100k, ...backfillMemory } = await measureBackfill(rounds);
const memory = { ...rewrapMemory, ...backfillMemory };
const details = {
  ...Object.fromEntries(pairs.map((pair) => [pair.name, detailsOf(pair)])),
  rewrap100k,
  backfill100k,
};
if (json) printJson();
else printTable();

function readOptions() {
  const { values } = parseArgs({
    options: { json: { type: 'boolean' }, rounds: { type: 'string', default: '31' } },
  });
  const count = Number(values.rounds);
  if (!Number.isSafeInteger(count) || count < 1)
    throw new RangeError('"--rounds" expected 1 or more');
  if (!globalThis.gc) throw new Error('Run it as "npm run bench", which passes --expose-gc');
  return { json: values.json, rounds: count };
}

function detailsOf({ measured, against }) {
  return {
    ...speedRatio(times.get(measured), times.get(against)),
    opsPerSecond: MS_PER_S / median(times.get(measured)),
    ceilingOpsPerSecond: MS_PER_S / median(times.get(against)),
  };
}

function printJson() {
  const ratios = Object.entries(details).map(([name, { ratio }]) => [name, ratio]);
  const figures = { ...Object.fromEntries(ratios), ...memory };
  console.log(JSON.stringify({ node: process.version, rounds, ...figures, details }));
}

function printTable() {
  console.log(
    `Node ${process.version}, ${rounds} rounds; ratio = speed / speed of the plain loop\n`,
  );
  console.log(row('case', 'ratio', 'spread', 'ops/s', 'plain ops/s'));
  for (const [name, detail] of Object.entries(details)) {
    const { ratio, spread, opsPerSecond, ceilingOpsPerSecond } = detail;
    const speeds = [opsPerSecond, ceilingOpsPerSecond].map((speed) => speed.toFixed(0));
    console.log(row(name, ratio.toFixed(3), `±${spread.toFixed(3)}`, ...speeds));
  }
  for (const [name, bytes] of Object.entries(memory)) {
    console.log(row(name, `${(bytes / MIB).toFixed(1)} MiB`));
  }
}

function row(name, ...figures) {
  return name.padEnd(16) + figures.map((figure) => figure.padStart(12)).join('');
}
