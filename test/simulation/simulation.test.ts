import { ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as library from '../../src/index.js';
import { secretWatch } from '../support/secrets/secret-watch.js';
import { coverage } from './coverage.js';
import { runSeed } from './run-seed.js';
import { isSlow, perLane } from '../support/lane.js';

const SEEDS = perLane(1, 150);
/** On a machine that is busy with much else. */
const TIMEOUT_MS = perLane(600_000, 3_600_000);
/** Seeds that once found something. */
const REGRESSIONS = JSON.parse(
  readFileSync(join(import.meta.dirname, 'regressions.json'), 'utf8'),
) as readonly number[];

it.runIf(isSlow).each(REGRESSIONS)('seed %i holds, which once did not', async (seed) => {
  await expect(runSeed(seed, library, coverage())).resolves.toBeDefined();
});

it(
  'every invariant holds under every seed, and the seeds try everything',
  { timeout: TIMEOUT_MS },
  async () => {
    const tally = coverage();
    // Each seed listens for itself, and looks for its own secrets.
    await secretWatch.unheard(async () => {
      for (let seed = 1; seed <= SEEDS; seed += 1) await runSeed(seed, library, tally);
    });
    if (isSlow) tally.requireAll();
  },
);

it.runIf(isSlow)('fails a seed in which the library caught the error of an assertion', async () => {
  class Catching extends library.DekCache {
    override put(unwrapped: Parameters<library.DekCache['put']>[0]): void {
      try {
        ok(false, 'it was put');
      } catch {
        super.put(unwrapped);
      }
    }
  }
  const running = runSeed(5, { ...library, DekCache: Catching }, coverage());
  await expect(running).rejects.toThrow(/Assertions failed, and .*\n- it was put\n/);
});

it.runIf(isSlow).each([1, 2])('seed %i happens in the same way again', async (seed) => {
  const once = await runSeed(seed, library, coverage());
  expect(await runSeed(seed, library, coverage())).toEqual(once);
  const { digest } = await runSeed(seed + 1, library, coverage());
  expect(digest).not.toBe(once.digest);
});
