import { expect, it } from 'vitest';
import * as library from '../../src/index.js';
import { coverage } from './coverage.js';
import { runSeed } from './run-seed.js';
import { RUN, run } from './started.js';
import { isSlow } from '../support/lane.js';

it('replays a seed step by step in another process', async () => {
  const { steps, digest } = await runSeed(7, library, coverage());
  const { code, lines } = await run(RUN, '--seed', '7');
  expect(lines).toEqual([`${String(steps)} steps, digest ${digest}`, '1 passed, 0 failed']);
  expect(code).toBe(0);
});

const MISTAKES = [
  ['--sed', '1'],
  ['--seed', 'first'],
  ['--seeds', '-1'],
  ['--jobs', '0'],
];

it.runIf(isSlow).each(MISTAKES)('refuses %s %s', async (name, value) => {
  const { code } = await run(RUN, `${name}=${value}`);
  expect(code).not.toBe(0);
});
