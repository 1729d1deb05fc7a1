import { Tally } from '../../support/rotation/tally.js';
import * as source from '../../../src/index.js';
import type { Library } from '../library.js';
import { withMutatedCopy } from '../mutants/mutated-copy.js';
import type { Patch } from '../mutants/mutants.js';
import { runSeed, SeedFailure } from '../run-seed.js';

/** Seeds to run one after the other, until one fails. */
export interface Task {
  readonly seeds: readonly number[];
  /** Run in a copy of `src` with these applied; without them in `src` itself. */
  readonly patches?: readonly Patch[];
}

/** Plain data: it may come from another process. */
export interface Outcome {
  /** How many seeds were run, the one that failed included. */
  readonly tried: number;
  /** What the failed seed says; absent where none failed. */
  readonly failure?: string;
  readonly counts: Readonly<Record<string, number>>;
}

export async function perform({ seeds, patches }: Task): Promise<Outcome> {
  if (!patches) return runUntilFailed(source, seeds);
  return withMutatedCopy(patches, (library) => runUntilFailed(library, seeds));
}

async function runUntilFailed(library: Library, seeds: readonly number[]): Promise<Outcome> {
  const tally = new Tally();
  let tried = 0;
  for (const seed of seeds) {
    tried += 1;
    try {
      await runSeed(seed, library, tally);
    } catch (error) {
      if (!(error instanceof SeedFailure)) throw error;
      return { tried, failure: error.message, counts: tally.counts };
    }
  }
  return { tried, counts: tally.counts };
}
