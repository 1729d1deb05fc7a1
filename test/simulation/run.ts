import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as library from '../../src/index.js';
import { coverage } from './coverage.js';
import { MUTANTS, type Mutant } from './mutants/mutants.js';
import { tryMutants } from './mutants/try-mutants.js';
import { runSeed, SeedFailure } from './run-seed.js';
import { MANY_SEEDS, trySeeds, type Counts } from './try-seeds.js';

/** Seeds that once found something. */
const REGRESSIONS = JSON.parse(
  readFileSync(join(import.meta.dirname, 'regressions.json'), 'utf8'),
) as readonly number[];

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '1' },
    steps: { type: 'string', default: '40' },
    mutants: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
  },
});

const jobs = wholeNumber('--jobs', values.jobs, 1);
const result = await asAsked();
console.log(`${String(result.passed)} passed, ${String(result.failed)} failed`);
process.exitCode = result.failed > 0 ? 1 : 0;

function asAsked(): Promise<Counts> {
  if (values.mutants) return tryMutants(console.log, { mutants: mutantsAsked(), jobs });
  if (values.seed !== undefined) return trySeed(wholeNumber('--seed', values.seed));
  return trySeeds(seedsAsked(), jobs, { say: console.log, complain: console.error });
}

function mutantsAsked(): readonly Mutant[] {
  const { only } = values;
  const asked = MUTANTS.filter(({ name }) => !only || only.includes(name));
  if (asked.length > 0 && (!only || asked.length === only.length)) return asked;
  throw new RangeError('--only expected the name of a mutant, as --mutants prints it');
}

function seedsAsked(): readonly number[] {
  const count = wholeNumber('--seeds', values.seeds);
  const first = wholeNumber('--from', values.from);
  const seeds = Array.from({ length: count }, (_each, index) => first + index);
  return count < MANY_SEEDS ? seeds : [...REGRESSIONS, ...seeds];
}

function wholeNumber(name: string, text: string, least = 0): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= least) return number;
  throw new RangeError(`${name} expected a whole number from ${String(least)} on, got "${text}"`);
}

/** One seed, and where it fails what led there, the newest last. */
async function trySeed(seed: number): Promise<Counts> {
  try {
    const { steps, digest } = await runSeed(seed, library, coverage());
    console.log(`${String(steps)} steps, digest ${digest}`);
    return { passed: 1, failed: 0 };
  } catch (error) {
    if (!(error instanceof SeedFailure)) throw error;
    console.error(error.log.slice(-wholeNumber('--steps', values.steps)).join('\n'));
    console.error(error.message);
    return { passed: 0, failed: 1 };
  }
}
