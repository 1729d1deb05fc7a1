/** Reads again from a store that may lag, until the expected value appears. @module */
import type { Clock } from './clock.js';
import { ownProperties } from '../guards/guards.js';

export interface LagWait {
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
