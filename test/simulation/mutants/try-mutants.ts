import { coverage } from '../coverage.js';
import type { Library } from '../library.js';
import { runSeed, SeedFailure } from '../run-seed.js';
import { withMutatedCopy } from './mutated-copy.js';
import { MUTANTS, type Mutant } from './mutants.js';

/** Within so many seeds a mutant has to be found, and a copy that is not changed must not. */
const MOST_SEEDS = 300;
const CONTROL_SEEDS = 20;
const CONTROL: Mutant = { name: 'no mutant: a copy that is left as it is', patches: [] };

/** Counts mutants that were found, and the control that was not; a survivor is a failure. */
export async function tryMutants(
  say: (line: string) => void,
  mutants: readonly Mutant[] = MUTANTS,
  mostSeeds = MOST_SEEDS,
): Promise<{ readonly passed: number; readonly failed: number }> {
  const counts = { passed: 0, failed: 0 };
  for (const mutant of [CONTROL, ...mutants]) {
    const most = mutant === CONTROL ? Math.min(mostSeeds, CONTROL_SEEDS) : mostSeeds;
    const found = await firstFailure(mutant, most);
    const isAsItShould = found.isFound !== (mutant === CONTROL);
    counts[isAsItShould ? 'passed' : 'failed'] += 1;
    say(`${isAsItShould ? 'ok  ' : 'FAIL'} ${mutant.name}: ${found.what}`);
  }
  return counts;
}

interface Found {
  readonly isFound: boolean;
  readonly what: string;
}

async function firstFailure({ patches }: Mutant, most: number): Promise<Found> {
  try {
    return await withMutatedCopy(patches, (library) => tryUntilFound(library, most));
  } catch (error) {
    return { isFound: false, what: error instanceof Error ? error.message : String(error) };
  }
}

async function tryUntilFound(library: Library, most: number): Promise<Found> {
  for (let seed = 1; seed <= most; seed += 1) {
    try {
      await runSeed(seed, library, coverage());
    } catch (error) {
      if (!(error instanceof SeedFailure)) throw error;
      return { isFound: true, what: error.message.split('\n')[0] ?? '' };
    }
  }
  return { isFound: false, what: `survived ${String(most)} seeds` };
}
