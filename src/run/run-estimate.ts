/** Says after a dry run what the run itself will take. @module */
import type { RunContext } from './run-context.js';
import type { RunTally } from './run-counter.js';
import type { RunEstimate } from './run-event.js';

/** @param more - Operations that the dry run did not need. */
export function runEstimate({ budget }: RunContext, tally: RunTally, more = 0): RunEstimate {
  const vaultOps = budget.calls + more;
  const { callsPerSecond } = budget;
  const leastMs = callsPerSecond && Math.ceil((vaultOps * 1_000) / callsPerSecond);
  return { items: tally.counts.wouldChange, vaultOps, ...(leastMs !== undefined && { leastMs }) };
}
