import { deepEqual, equal, ok } from 'node:assert/strict';
import type {
  PrunePreviousWrapsOptions,
  MaintenanceEvent,
  MaintenanceSummary,
} from '../../../src/index.js';
import { codeOf, type Since } from '../explanations.js';
import type { Actor, Life } from '../simulation.js';

type Upkeep = AsyncGenerator<MaintenanceEvent, MaintenanceSummary, void>;

/** Removes the wraps from before the last rewrap, after a soak that is short, beside everything else. */
export function pruner(name: string, rounds: number): Actor {
  let left = rounds;
  const act = async (life: Life): Promise<void> => {
    const { sim } = life;
    for (; left > 0; left -= 1) {
      await sim.pause(life, 300, 3_500);
      await pruneOnce(life);
    }
  };
  return { name, role: 'pruner', act };
}

async function pruneOnce(life: Life): Promise<void> {
  const { sim, process } = life;
  const { random } = sim;
  const since = sim.explanations.since(process);
  const soakMs = random.int(0, 2_000);
  const rewrappedBefore = ago(life, soakMs);
  const options = { rewrappedBefore, concurrency: random.int(1, 3), dryRun: random.chance(0.15) };
  const stopsAfter = random.chance(0.15) ? random.int(1, 12) : Infinity;
  try {
    await drivePrune(life, options, { stopsAfter });
  } catch (error) {
    // Its clock was set back before it began.
    const isToCome = rewrappedBefore.getTime() > process.clock.wallMs();
    if (error instanceof RangeError && isToCome) return;
    const code = sim.explanations.require(process, error, since);
    sim.tally.add('prunings that were refused or superseded', code.startsWith('ROTATION'));
  }
}

function ago({ process }: Life, soakMs: number): Date {
  return new Date(process.clock.wallMs() - soakMs);
}

interface DriveOptions {
  readonly stopsAfter?: number;
  /** The code with which rows may fail beside what has happened in this world. */
  readonly expected?: string;
}

/** Pulls a pruning to its end, or so far, and checks what it says: I9. */
export async function drivePrune(
  life: Life,
  options: PrunePreviousWrapsOptions,
  { stopsAfter = Infinity, expected }: DriveOptions = {},
): Promise<{
  readonly events: readonly MaintenanceEvent[];
  readonly summary?: MaintenanceSummary;
}> {
  const { sim, process, encryptor } = life;
  process.unwrapped.clear();
  process.isRehearsing = options.dryRun ?? false;
  process.isIdle = false;
  const since = sim.explanations.since(process);
  const events: MaintenanceEvent[] = [];
  const pruning: Upkeep = sim.library.prunePreviousWraps(encryptor, {
    ...options,
    allowEmpty: true,
  });
  try {
    while (events.length < stopsAfter) {
      await sim.pause(life, 0, sim.random.chance(0.06) ? 1_800 : 10);
      const { done, value } = await pruning.next();
      if (done) {
        deepEqual(events.at(-1), { type: 'finished', summary: value });
        return { events, summary: value };
      }
      events.push(value);
      see(life, value, { since, expected });
    }
    await pruning.return(undefined as never);
    return { events };
  } finally {
    process.isIdle = true;
    process.isRehearsing = false;
  }
}

function see(
  { sim, process }: Life,
  event: MaintenanceEvent,
  { since, expected }: { readonly since: Since; readonly expected: string | undefined },
): void {
  sim.secrecy.hears(event);
  if ('counts' in event) {
    const { scanned, changed, unchanged, skipped, failed, wouldChange } = event.counts;
    const sum = changed + unchanged + skipped + failed + wouldChange;
    equal(sum, scanned, 'I9: a scan of rows does not add up');
  }
  if (event.type === 'changed') requirePruned(sim, event.dekId);
  if (event.type !== 'failed' || codeOf(event.error) === expected) return;
  sim.explanations.require(process, event.error, since);
}

/** I9: what is reported is durable, if no process has rewrapped it since. */
function requirePruned({ rows, tally }: Life['sim'], dekId: string): void {
  ok(rows.pruned.has(dekId), `I9: ${dekId} is reported as pruned, and is not`);
  tally.add('previous wraps that were pruned', true);
}
