import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as library from '../../src/index.js';
import { coverage } from './coverage.js';
import { MUTANTS, type Mutant } from './mutants/mutants.js';
import { tryMutants } from './mutants/try-mutants.js';
import { runSeed, SeedFailure } from './run-seed.js';

/** Seeds that once found something. */
const REGRESSIONS = JSON.parse(
  readFileSync(join(import.meta.dirname, 'regressions.json'), 'utf8'),
) as readonly number[];

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    steps: { type: 'string', default: '40' },
    mutants: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
  },
});

const result = values.mutants
  ? await tryMutants(console.log, mutantsAsked())
  : await trySeeds(seedsAsked());
console.log(`${String(result.passed)} passed, ${String(result.failed)} failed`);
process.exitCode = result.failed > 0 ? 1 : 0;

function mutantsAsked(): readonly Mutant[] {
  const { only } = values;
  const asked = MUTANTS.filter(({ name }) => !only || only.includes(name));
  if (asked.length > 0 && (!only || asked.length === only.length)) return asked;
  throw new RangeError('--only expected the name of a mutant, as --mutants prints it');
}

function seedsAsked(): readonly number[] {
  if (values.seed !== undefined) return [wholeNumber('--seed', values.seed)];
  const count = wholeNumber('--seeds', values.seeds);
  const first = wholeNumber('--from', values.from);
  return [...REGRESSIONS, ...Array.from({ length: count }, (_each, index) => first + index)];
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new RangeError(`${name} expected a whole number from 0 on, got "${text}"`);
}

async function trySeeds(seeds: readonly number[]): Promise<{ passed: number; failed: number }> {
  const tally = coverage();
  const failed = new Set<number>();
  for (const seed of seeds) {
    try {
      const { steps, digest } = await runSeed(seed, library, tally);
      if (seeds.length === 1) console.log(`${String(steps)} steps, digest ${digest}`);
    } catch (error) {
      failed.add(seed);
      if (seeds.length === 1) tellSteps(error);
      console.error(error instanceof Error ? error.message : error);
    }
  }
  if (seeds.length > 1) console.log(tally.toLines());
  const counts = { passed: seeds.length - failed.size, failed: failed.size };
  // Fewer seeds need not come to everything.
  if (seeds.length < 100) return counts;
  try {
    tally.requireAll();
    return counts;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return { ...counts, failed: counts.failed + 1 };
  }
}

/** What led there, the newest last. */
function tellSteps(error: unknown): void {
  if (!(error instanceof SeedFailure)) return;
  console.error(error.log.slice(-wholeNumber('--steps', values.steps)).join('\n'));
}
