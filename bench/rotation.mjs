/**
 * `npm run bench:rotation`: a rotation of all notes by the packed command while requests go on.
 *
 * `examples/notes-backend` is one process and `encrypt-migrate rewrap-deks` another, over one SQLite file. Requests are
 * sent at their rate, also where earlier ones are not answered yet, and their time is from when they were due: half of
 * them read a note, the others list, create, replace, change and delete, and 2 of 100 change one under an earlier etag,
 * which must be refused. Each answer is compared with what was acknowledged before. In the end the service has the new
 * key alone, and reads every note. Exits with 1 for a failed request, a wrong answer, or where no request met the
 * rotation. Options: `--notes`, 5,000 by default; `--rate`, 100 requests a second; `--before`, 2,000 requests before
 * the rotation; `--seed`; `--json` prints one JSON object.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { RotationUnderTraffic } from '../test/support/rotation-under-traffic.ts';
import { quantile } from './measure.mjs';
import { temporaryFolder } from './temporary-folder.mjs';

const { values } = parseArgs({
  options: {
    before: { type: 'string', default: '2000' },
    json: { type: 'boolean' },
    notes: { type: 'string', default: '5000' },
    rate: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
  },
});
const [notes, rate, before] = ['notes', 'rate', 'before'].map(numberIn);

const world = await RotationUnderTraffic.start(temporaryFolder(), notes, Number(values.seed));
process.prependOnceListener('exit', () => world.close());
const { traffic } = world;
const problems = [];
const created = traffic.answered.length;
const rowsBefore = world.rowCounts();

let isOver = false;
const load = traffic.atRate(rate, () => isOver);
while (traffic.answered.length < created + before) await sleep(20);
const rotation = await world.rotate();
isOver = true;
await load;
requireThat(rotation.code === 0, `rewrap-deks ended with ${rotation.code}: ${rotation.stderr}`);
const verified = await world.run([
  'verify',
  '--new-mek-version',
  world.versions.new,
  '--open-wraps',
]);
requireThat(verified.code === 0, `verify ended with ${verified.code}: ${verified.stdout}`);
const rowsAfter = world.rowCounts();
requireThat(rowsAfter.old === 0, `${rowsAfter.old} rows are under the old version`);
await world.restartWithoutOldKey();
await traffic.readAll();
await world.stop();

const answered = traffic.answered.slice(created);
const during = answered.filter(({ phases }) => phases[0] !== 'before' && phases[0] !== 'after');
const met = answered.filter(({ phases }) => phases.includes('rewrapping'));
requireThat(
  met.some(({ kind }) => kind === 'get'),
  'No read met the rotation',
);
const figures = {
  notes,
  rate,
  rowsBefore,
  rowsAfter,
  before: figuresOf(answered.filter(({ phases }) => phases[1] === 'before')),
  during: figuresOf(during),
  rewrapping: figuresOf(met),
  problems: [...traffic.problems, ...problems],
};
if (values.json) console.log(JSON.stringify({ node: process.version, figures }));
else print();
process.exitCode = figures.problems.length > 0 ? 1 : 0;

function numberIn(name) {
  const number = Number(values[name]);
  if (Number.isSafeInteger(number) && number >= 1) return number;
  throw new RangeError(`"--${name}" expected 1 or more`);
}

function requireThat(holds, problem) {
  if (!holds) problems.push(problem);
}

function figuresOf(requests) {
  const times = requests.map(({ ms }) => ms);
  const count = (...kinds) => requests.filter(({ kind }) => kinds.includes(kind)).length;
  return {
    requests: requests.length,
    reads: count('get', 'list'),
    writes: count('create', 'put', 'patch', 'delete'),
    refusedAsTheyMust: count('stale'),
    medianMs: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
    slowestMs: Math.max(...times),
  };
}

function print() {
  console.log(`Node ${process.version}: ${notes} notes, ${rate} requests a second\n`);
  const phases = {
    before: 'before',
    during: 'while the command runs',
    rewrapping: 'of these, while rows change',
  };
  for (const [phase, name] of Object.entries(phases)) {
    const { requests, reads, writes, medianMs, p99Ms, slowestMs } = figures[phase];
    console.log(
      `${name.padEnd(28)}${String(requests).padStart(6)} requests (${reads} reads, ${writes} writes): median ${medianMs.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms, slowest ${slowestMs.toFixed(1)} ms`,
    );
  }
  console.log(
    `\nrows before ${JSON.stringify(rowsBefore)}, after ${JSON.stringify(rowsAfter)}\nfailed requests and wrong answers: ${figures.problems.length}`,
  );
  for (const problem of figures.problems.slice(0, 20)) console.log(`- ${problem}`);
}
