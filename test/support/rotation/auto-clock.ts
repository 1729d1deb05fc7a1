import { ManualClock } from '../../../src/testing/index.js';

/** Time has begun before the process: at 0 the cache's own timers take it for unset, and spin. */
export function runningClock(): ManualClock {
  const clock = new ManualClock();
  clock.advance(1_000);
  return clock;
}

/** Sleepers wake at once, after the whole time has passed. */
export class AutoClock extends ManualClock {
  constructor() {
    super();
    this.advance(1_000);
  }

  override async sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await Promise.resolve();
    this.advance(durationMs);
  }
}

/** As {@link runningClock}, but pauses between two attempts, of up to a second, are over at once. */
export class PauseClock extends ManualClock {
  constructor() {
    super();
    this.advance(1_000);
  }

  override async sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    if (durationMs > 1_000) return super.sleep(durationMs, signal);
    signal?.throwIfAborted();
    await Promise.resolve();
    this.advance(durationMs);
  }
}
