/**
 * `npm run bench`: compares the library with the fastest plain loop on this machine.
 *
 * The figures are ratios within one interleaved run, never absolute speeds. Options: `--json` prints
 * one JSON object; `--rounds <n>` measures for longer or shorter, 31 by default; `--rows <n>` takes fewer
 * rows and notes than 100,000, which the figures named after that number then are of. Instead of all that,
 * `--scale` and `--fleet` measure what scale.mjs and fleet.mjs say.
 *
 * Needs `--expose-gc`, and `--max-semi-space-size=1`: with V8's own 16 MB one batch has no or one
 * collection of young objects, which alone makes it 10 % faster or slower; so it has dozens.
 *
 * @module
 */
import { parseArgs } from 'node:util';
import { measureBackfill } from './backfill.mjs';
import { measureFleet, printFleet } from './fleet.mjs';
import { hotPathPairs } from './hot-path.mjs';
import { measure, median, speedRatio } from './measure.mjs';
import { measureRewrap } from './rewrap.mjs';
import { measureScale, printScale } from './scale.mjs';

const MS_PER_S = 1000;
const MIB = 2 ** 20;

const { json, rounds, scale, fleet, rows } = readOptions();
if (scale || fleet) {
  const [figures, print] = scale
    ? [await measureScale(rows), printScale]
    : [await measureFleet(rounds), printFleet];
  if (json) console.log(JSON.stringify({ node: process.version, figures }));
  else print(figures);
  process.exit();
}
const pairs = await hotPathPairs();
const times = await measure(
  new Set(pairs.flatMap((pair) => [pair.measured, pair.against])),
  rounds,
);
const { rewrap100k, ...rewrapMemory } = await measureRewrap(rounds, rows);
const { backfill100k, ...backfillMemory } = await measureBackfill(rounds, rows);
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
    options: {
      json: { type: 'boolean' },
      scale: { type: 'boolean' },
      fleet: { type: 'boolean' },
      rounds: { type: 'string' },
      rows: { type: 'string', default: '100000' },
    },
  });
  const usual = values.fleet ? '3' : '31';
  // With fewer, no step of a rewrap is left between its warm steps and those without the disk.
  const leastRows = values.scale ? 20_000 : 50_000;
  const count = numberIn('rounds', values.rounds ?? usual, 1);
  if (!globalThis.gc) throw new Error('Run it as "npm run bench", which passes --expose-gc');
  const { json, scale, fleet } = values;
  return { json, scale, fleet, rounds: count, rows: numberIn('rows', values.rows, leastRows) };
}

function numberIn(name, text, least) {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= least) return number;
  throw new RangeError(`"--${name}" expected ${least} or more`);
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
  console.log(JSON.stringify({ node: process.version, rounds, rows, ...figures, details }));
}

function printTable() {
  console.log(
    `Node ${process.version}, ${rounds} rounds, ${rows} rows; ratio = speed / speed of the plain loop\n`,
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
