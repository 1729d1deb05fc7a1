/** A clock for stores that talk to a real server: waits between attempts take no time. @module */
import type { Clock } from '../../../../src/index.js';

/** Sleeps pass at once and are counted. */
export class BackOffClock implements Clock {
  /** Each wait between attempts, in milliseconds. */
  readonly waits: number[] = [];
  #nowMs = 0;

  wallMs(): number {
    return this.monotonicMs();
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  jitter(): number {
    return 0.5;
  }

  async sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.waits.push(durationMs);
    this.#nowMs += durationMs;
    await new Promise(setImmediate);
    signal?.throwIfAborted();
  }

  advance(durationMs: number): void {
    this.#nowMs += durationMs;
  }
}
