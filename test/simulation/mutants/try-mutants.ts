import { outcomesOf, type Settled } from '../jobs/outcomes.js';
import type { Counts } from '../try-seeds.js';
import { MUTANTS, type Mutant } from './mutants.js';

/** The number of seeds within which a mutant has to be found, and a copy that is not changed must not. */
const MOST_SEEDS = 300;
const CONTROL_SEEDS = 5;
const CONTROL: Mutant = { name: 'no mutant: a copy that is left as it is', patches: [] };

export interface TryMutantsOptions {
  readonly mutants?: readonly Mutant[];
  readonly mostSeeds?: number;
  /** Processes that share the mutants. */
  readonly jobs?: number;
}

/**
 * Counts mutants that were found, and the control that was not, and says how many seeds each one took; a
 * survivor is a failure.
 */
export async function tryMutants(
  say: (line: string) => void,
  { mutants = MUTANTS, mostSeeds = MOST_SEEDS, jobs = 1 }: TryMutantsOptions = {},
): Promise<Counts> {
  const counts = { passed: 0, failed: 0 };
  const all = [CONTROL, ...mutants];
  const tasks = all.map((mutant) => {
    const most = mutant === CONTROL ? Math.min(mostSeeds, CONTROL_SEEDS) : mostSeeds;
    return {
      patches: mutant.patches,
      seeds: Array.from({ length: most }, (_each, nth) => nth + 1),
    };
  });
  let nth = 0;
  for await (const settled of outcomesOf(tasks, jobs)) {
    const mutant = all[nth++] ?? CONTROL;
    const isAsItShould = isFound(settled) === (mutant !== CONTROL);
    counts[isAsItShould ? 'passed' : 'failed'] += 1;
    say(`${isAsItShould ? 'ok  ' : 'FAIL'} ${mutant.name}: ${whatOf(settled)}`);
  }
  return counts;
}

/** `undefined` where it is unknown: the patch does not apply, or its process died. */
function isFound(settled: Settled): boolean | undefined {
  return 'outcome' in settled ? settled.outcome.failure !== undefined : undefined;
}

function whatOf(settled: Settled): string {
  if ('error' in settled) {
    return settled.error instanceof Error ? settled.error.message : String(settled.error);
  }
  const { tried, failure } = settled.outcome;
  const seeds = `${String(tried)} ${tried === 1 ? 'seed' : 'seeds'}`;
  if (failure === undefined) return `survived ${seeds}`;
  return `found in ${seeds}: ${failure.split('\n')[0] ?? ''}`;
}
