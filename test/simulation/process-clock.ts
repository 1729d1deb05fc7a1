import type { Clock } from '../../src/index.js';
import type { Random } from './random.js';
import type { Timeline } from './timeline.js';

export const WALL_START_MS = Date.UTC(2026, 0, 1);

/** The clock of one process: its wall clock may go wrong, and be set. */
export class ProcessClock implements Clock {
  readonly #timeline: Timeline;
  readonly #random: Random;
  #skewMs: number;

  constructor(timeline: Timeline, random: Random, skewMs: number) {
    this.#timeline = timeline;
    this.#random = random;
    this.#skewMs = skewMs;
  }

  /** As an administrator or a time server does, in either direction. */
  jump(durationMs: number): void {
    this.#skewMs += durationMs;
  }

  wallMs(): number {
    return WALL_START_MS + this.#timeline.nowMs + this.#skewMs;
  }

  monotonicMs(): number {
    return this.#timeline.nowMs;
  }

  jitter(): number {
    return this.#random.next();
  }

  async sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (durationMs <= 0) return;
    await new Promise<void>((resolve, reject) => {
      const stop = this.#timeline.listen(signal, () => {
        stop();
        reject(signal?.reason as Error);
      });
      this.#timeline.after(durationMs, () => {
        stop();
        resolve();
      });
    });
  }
}
