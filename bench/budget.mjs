/**
 * `npm run bench:budget`: a rewrap and a reader on one Key Vault for tests that allows 50 operations a
 * second, through the real SDK over HTTPS, by the machine's own clock.
 *
 * The reader opens ten cold documents a second, a fifth of the quota, and tries none of them twice.
 * Options: `--rows <n>` rewraps more or fewer than 400; `--json` prints one JSON object.
 *
 * @module
 */
import { parseArgs } from 'node:util';
import { systemClock } from '../src/index.ts';
import { BudgetWorld, QUOTA_PER_SECOND } from '../test/azure/key-vault/budget-world.ts';

const CASES = {
  'budget of the quota': { maxVaultOpsPerSecond: QUOTA_PER_SECOND },
  'no budget': {},
};

const { values } = parseArgs({
  options: { json: { type: 'boolean' }, rows: { type: 'string', default: '400' } },
});
const rows = Number(values.rows);
if (!Number.isSafeInteger(rows) || rows < 1) throw new RangeError('"--rows" expected 1 or more');

const results = {};
for (const [name, options] of Object.entries(CASES)) results[name] = await measure(options);
if (values.json) console.log(JSON.stringify({ node: process.version, rows, results }));
else console.table(results);

async function measure(options) {
  const world = await BudgetWorld.start(rows, systemClock, (work) => work());
  try {
    const figures = await world.measure(options);
    const failures = Object.values(figures.readerFailures).reduce((sum, each) => sum + each, 0);
    return {
      seconds: rounded(figures.seconds, 1),
      'quota used %': rounded(100 * figures.usedShare, 1),
      'requests throttled %': rounded(100 * figures.throttledShare, 2),
      'reads a second': rounded(figures.readerAsked / figures.seconds, 1),
      'reads refused': failures,
      'slowest read ms': rounded(figures.readerSlowestMs, 0),
      'rows failed': figures.summary.failed,
    };
  } finally {
    await world[Symbol.asyncDispose]();
  }
}

function rounded(value, digits) {
  return Number(value.toFixed(digits));
}
