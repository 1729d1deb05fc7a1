/** Waits until no writer acts on the record before a rotation any more. @module */
import { type Clock, timestampOf } from '../clock.js';
import { contended } from '../errors.js';
import type { ChargedEvent } from './charged-event.js';
import { fencedRecord } from './record-transitions.js';
import type { Rotation } from './rotation.js';
import type { RotationContext } from './rotation-context.js';
import type { RotationRecord } from './rotation-record.js';

export interface FenceEvent extends ChargedEvent {
  readonly type: 'fence';
  /** Until writers can no longer act on what they knew before the rotation. */
  readonly remainingMs: number;
}

const MOST_ATTEMPTS = 8;
const TICK_MS = 500;

/**
 * Waits one whole fence, begun after `fencing` was read, and longer where reads of the store lag; then
 * says so in the record. Nothing to wait for where someone else has.
 */
export async function* passFence(
  rotation: Rotation,
  { dekStore, clock, signal }: RotationContext,
): AsyncGenerator<FenceEvent, void, void> {
  let lagMs: number | undefined;
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const copy = await rotation.read();
    if (copy.record.state !== 'fencing') return;
    lagMs ??= await dekStore.readLagMs({ signal });
    // A writer may be given the record before for one lag more, and acts on it for a fence from then;
    // what it creates last, a scan may miss for another lag.
    yield* countDown(lagMs + fenceMs(copy.record) + lagMs, clock, signal);
    const now = timestampOf(clock);
    // Over the copy from before the wait: whatever changed since may ask for another wait.
    if (await rotation.replace(copy, fencedRecord(copy.record, now))) return;
  }
  throw contended('Passing the fence', MOST_ATTEMPTS);
}

/** The longest that any process may still act on an old copy. */
export function fenceMs({ fenceTtlMs, drainTtlMs = 0 }: RotationRecord): number {
  return Math.max(fenceTtlMs, drainTtlMs);
}

/** By monotonic time alone: a wall clock that jumps ahead must not shorten a wait. */
export async function* countDown(
  durationMs: number,
  clock: Clock,
  signal: AbortSignal | undefined,
): AsyncGenerator<FenceEvent, void, void> {
  const startMs = clock.monotonicMs();
  for (;;) {
    const remainingMs = Math.ceil(startMs + durationMs - clock.monotonicMs());
    if (remainingMs <= 0) return;
    yield { type: 'fence', remainingMs };
    await clock.sleep(Math.min(remainingMs, TICK_MS), signal);
  }
}
