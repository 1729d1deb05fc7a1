import { ManualClock as BothScales } from '../../src/testing/index.js';

/** The manual clock, whose two scales can also be moved apart. */
export class ManualClock extends BothScales {
  #wallAheadMs = 0;

  constructor() {
    super({ wallMs: Date.parse('2026-11-23T10:00:00.000Z') });
  }

  override wallMs(): number {
    return super.wallMs() + this.#wallAheadMs;
  }

  /** The wall clock jumps ahead and monotonic time stands still, as while a machine sleeps. */
  advanceWall(durationMs: number): void {
    this.#wallAheadMs += durationMs;
  }

  /** Time passes, while the wall clock stands still. */
  advanceMonotonic(durationMs: number): void {
    this.advance(durationMs);
    this.#wallAheadMs -= durationMs;
  }
}
