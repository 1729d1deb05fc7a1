/** Waits until no writer can act on what it read before. @module */
import type { RotationRecord } from '../format/rotation-record.js';
import type { RunContext } from './run-context.js';
import type { FenceEvent } from './run-event.js';

type WaitContext = Pick<RunContext, 'clock' | 'dekStore' | 'signal'>;

const TICK_MS = 500;

/**
 * Waits one whole fence from now on, and longer where reads of the store lag. Begin the wait after the record
 * was read, or after a write was acknowledged, that writers have to act on.
 *
 * @returns The length of the wait, in milliseconds.
 */
export async function* waitForWriters(
  context: WaitContext,
  record: Pick<RotationRecord, 'drainTtlMs' | 'fenceTtlMs'>,
): AsyncGenerator<FenceEvent, number, void> {
  const lagMs = await context.dekStore.readLagMs({ signal: context.signal });
  // A writer may read the old state for one lag more, and act on it for a fence from then on; a scan may miss
  // its last create for another lag.
  const waitMs = lagMs + fenceMs(record) + lagMs;
  yield* countDown(waitMs, context);
  return waitMs;
}

/** Waits until a scan shows every row that was created before now. */
export async function* waitForReads(context: WaitContext): AsyncGenerator<FenceEvent, void, void> {
  yield* countDown(await context.dekStore.readLagMs({ signal: context.signal }), context);
}

/** The longest time for which any process may still act on an old copy. */
function fenceMs({
  fenceTtlMs,
  drainTtlMs = 0,
}: Pick<RotationRecord, 'drainTtlMs' | 'fenceTtlMs'>): number {
  return Math.max(fenceTtlMs, drainTtlMs);
}

/** Uses monotonic time alone: a wall clock that jumps ahead must not shorten a wait. */
async function* countDown(
  durationMs: number,
  { clock, signal }: WaitContext,
): AsyncGenerator<FenceEvent, void, void> {
  const startMs = clock.monotonicMs();
  for (;;) {
    const remainingMs = Math.ceil(startMs + durationMs - clock.monotonicMs());
    if (remainingMs <= 0) return;
    yield { type: 'fence', remainingMs };
    await clock.sleep(Math.min(remainingMs, TICK_MS), signal);
  }
}
