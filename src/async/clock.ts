/** Time and jitter, injected: the only file that uses the real ones. @module */
import { setImmediate as nextTurn, setTimeout as sleepFor } from 'node:timers/promises';
import { ownProperties } from '../guards/guards.js';
import { ownSignal } from './abort.js';

/** The source of time for the library. Tests inject their own; everything else uses {@link systemClock}. */
export interface Clock {
  /** Milliseconds since the epoch; may jump either way. */
  wallMs(): number;
  /** Milliseconds since an arbitrary start; never falls, may pause while the machine sleeps. */
  monotonicMs(): number;
  /** Resolves after `durationMs`; rejects with `signal.reason` as soon as the signal aborts. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
  /** A number in [0, 1) that spreads retries. Never used for keys or nonces. */
  jitter(): number;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  jitter: () => Math.random(),
  async sleep(durationMs, signal) {
    try {
      const options = signal && { signal: ownSignal(signal) };
      // A timer of 0 ms takes longer than 1 ms: too long for a caller that only yields its turn.
      if (durationMs > 0) await sleepFor(durationMs, undefined, options);
      else await nextTurn(undefined, options);
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
};

/** The same as `clock.sleep`, for work in the background: it does not keep the process alive. */
export function restFor(clock: Clock, durationMs: number, signal: AbortSignal): Promise<void> {
  if (clock !== systemClock) return clock.sleep(durationMs, signal);
  return sleepFor(durationMs, undefined, { signal: ownSignal(signal), ref: false });
}

/** One instant on both scales of a clock. */
export interface Moment {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/** The wall clock's time as it is stored. */
export function timestampOf(clock: Clock): string {
  return new Date(clock.wallMs()).toISOString();
}

export function momentOf(clock: Clock): Moment {
  return { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() };
}

/**
 * Milliseconds since a moment, for limits that must not be exceeded: the larger of the two scales, and
 * infinite when the wall clock went back, so that no clock fault extends a limit.
 */
export function elapsedMs(clock: Clock, since: Moment): number {
  const wall = clock.wallMs() - since.wallMs;
  return wall < 0 ? Infinity : Math.max(wall, clock.monotonicMs() - since.monotonicMs);
}

/** The same, for several limits at one reading of the clock. */
export function elapsedBetween(since: Moment, now: Moment): number {
  const wall = now.wallMs - since.wallMs;
  return wall < 0 ? Infinity : Math.max(wall, now.monotonicMs - since.monotonicMs);
}

interface LagWait {
  readonly clock: Clock;
  /** On the clock's monotonic scale: a read that is sent after this time shows everything that is stored. */
  readonly endMs: number;
  readonly signal?: AbortSignal | undefined;
}

const FIRST_PAUSE_MS = 20;

/** Returns `undefined` where the last read, sent at the end or later, did not show the value. */
export async function readUntilShown<T>(
  read: () => Promise<T | undefined>,
  wait: LagWait,
): Promise<T | undefined> {
  const { clock, endMs, signal } = ownProperties(wait);
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs *= 2) {
    const sentMs = clock.monotonicMs();
    const found = await read();
    if (found !== undefined || sentMs >= endMs) return found;
    const leftMs = endMs - clock.monotonicMs();
    const jittered = pauseMs * (0.5 + clock.jitter());
    if (leftMs > 0) await clock.sleep(Math.min(leftMs, jittered), signal);
  }
}
