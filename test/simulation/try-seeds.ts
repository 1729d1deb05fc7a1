import { coverage } from './coverage.js';
import { outcomesOf, type Settled } from './jobs/outcomes.js';
import { replayOf } from './run-seed.js';

export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

/** Where to say things: what was found, and how far it has come. */
export interface Report {
  readonly say: (line: string) => void;
  readonly complain: (line: string) => void;
}

/** This number of seeds has to cause every event that a seed can cause. */
export const MANY_SEEDS = 100;
const SEEDS_PER_REPORT = 500;

/** Each seed once, in the given number of processes; the output does not depend on their number. */
export async function trySeeds(
  seeds: readonly number[],
  jobs: number,
  { say, complain }: Report,
): Promise<Counts> {
  const tally = coverage();
  const counts = { passed: 0, failed: 0 };
  const tasks = seeds.map((seed) => ({ seeds: [seed] }));
  let nth = 0;
  for await (const settled of outcomesOf(tasks, jobs)) {
    if ('outcome' in settled) tally.addAll(settled.outcome.counts);
    const failure = failureOf(settled, seeds[nth] ?? NaN);
    counts[failure === undefined ? 'passed' : 'failed'] += 1;
    if (failure !== undefined) complain(failure);
    nth += 1;
    if (nth % SEEDS_PER_REPORT === 0 && nth < seeds.length) complain(progress(nth, seeds, counts));
  }
  say(tally.toLines());
  if (seeds.length < MANY_SEEDS) return counts;
  try {
    tally.requireAll();
    return counts;
  } catch (error) {
    complain(error instanceof Error ? error.message : String(error));
    return { ...counts, failed: counts.failed + 1 };
  }
}

function failureOf(settled: Settled, seed: number): string | undefined {
  if ('outcome' in settled) return settled.outcome.failure;
  const { error } = settled;
  const said = error instanceof Error ? error.message : String(error);
  return `Seed ${String(seed)}: ${said}\n${replayOf(seed)}`;
}

function progress(nth: number, seeds: readonly number[], { failed }: Counts): string {
  return `${String(nth)} of ${String(seeds.length)} seeds, ${String(failed)} failed`;
}
