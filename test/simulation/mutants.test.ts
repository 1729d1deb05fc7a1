import { join } from 'node:path';
import { expect, it } from 'vitest';
import { patched, withMutatedCopy } from './mutants/mutated-copy.js';
import { MUTANTS } from './mutants/mutants.js';
import { RUN, run } from './started.js';
import { isSlow } from '../support/lane.js';

const TRY = join(import.meta.dirname, 'mutants', 'try-mutants.ts');
/** Of each kind, and found by the first seed or the second: `--mutants` tries them all. */
const TRIED = [
  'one pass only',
  'no epoch guard: a rewrapper goes on after another has taken over',
  'no fence before the rows',
  'a cache put without a generation check',
  'each of concurrent misses asks the vault',
  'new wraps are not opened again before they replace the old',
  'writers seal by rows however old',
  'a re-encryption shreds without its wait',
  'mode strict lets plaintext through',
  'a nonce is used again',
  'a flip brings back the epoch of the wrap that it brings back',
  'previous wraps are pruned while a rotation is under way',
  'the mac of a record is not checked',
  'what is lost is counted in every scan',
  'a worker never takes what was assigned to others',
  'a create that is about to be sent does not look for a shred',
];
/** On a machine that is busy with much else. */
const TIMEOUT_MS = 3_600_000;

it.runIf(isSlow)(
  'finds mutants, and nothing in a copy that is left as it is',
  { timeout: TIMEOUT_MS },
  async () => {
    const args = TRIED.flatMap((name) => ['--only', name]);
    const { code, lines } = await run(RUN, '--mutants', ...args);
    expect(lines.filter((line) => line.startsWith('FAIL'))).toEqual([]);
    expect(lines.at(-1)).toBe(`${String(TRIED.length + 1)} passed, 0 failed`);
    expect(code).toBe(0);
  },
);

it.runIf(isSlow)('fails for a mutant that survives, and not for one that is found', async () => {
  const found = MUTANTS.find(({ name }) => name === 'one pass only');
  const harmless = {
    name: 'harmless',
    patches: [{ file: 'async/clock.ts', from: 'Math.random()', to: 'Math.random() / 2' }],
  };
  const script = `
    import { tryMutants } from ${JSON.stringify(TRY)};
    const counts = await tryMutants(console.log, { mutants: ${JSON.stringify([found, harmless])}, mostSeeds: 1 });
    console.log(JSON.stringify(counts));`;
  const { lines } = await run('--input-type=module', '--eval', script);
  expect(lines).toEqual([
    'ok   no mutant: a copy that is left as it is: survived 1 seed',
    expect.stringMatching(/^ok   one pass only: found in 1 seed: Seed 1: .*I11: /),
    'FAIL harmless: survived 1 seed',
    '{"passed":2,"failed":1}',
  ]);
});

it.each([
  ['nowhere', 'Math.chance()', /^The patch does not apply: src\/async\/clock\.ts has 0 times\n/],
  [
    'in several places',
    'readonly ',
    /^The patch does not apply: src\/async\/clock\.ts has \d+ times\n/,
  ],
])('refuses a patch for text that stands %s', async (_where, from, message) => {
  const patches = [{ file: 'async/clock.ts', from, to: '' }];
  await expect(withMutatedCopy(patches, () => Promise.resolve())).rejects.toThrow(message);
});

it.each(MUTANTS.flatMap(({ name, patches }) => patches.map((patch) => ({ name, ...patch }))))(
  'the text of "$name" stands in $file',
  (patch) => {
    expect(patched(patch)).not.toBe('');
  },
);

it('has enough mutants, each with a name of its own', () => {
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  expect(MUTANTS.length).toBeGreaterThanOrEqual(12);
});
