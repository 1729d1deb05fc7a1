/** Spreads calls evenly over time. @module */

/** Idle time beyond this is lost: no burst follows a lull. */
const MOST_SAVED_MS = 100;
/**
 * The usable share of the rate. Even with saved idle time, and with calls that the network delays and then
 * delivers together, no ten seconds contain more calls than ten seconds of the whole rate.
 */
const USABLE_SHARE = 0.98;
const LEAST_FACTOR = 1 / 16;
/** Seconds at the whole rate until trouble is forgotten. */
const RECOVERY_S = 20;

export class RateLimiter {
  readonly callsPerSecond: number;
  #factor = 1;
  #nextMs: number;
  #madeMs = -Infinity;

  constructor(mostPerSecond: number, nowMs: number) {
    this.callsPerSecond = mostPerSecond * USABLE_SHARE;
    this.#nextMs = nowMs;
  }

  /** Returns when the next call may be made; no two callers get the same time. */
  reserve(nowMs: number): number {
    const atMs = Math.max(this.#nextMs, nowMs - MOST_SAVED_MS);
    this.#nextMs = atMs + this.#intervalMs;
    return Math.max(atMs, nowMs);
  }

  /** The call was made: a restart does not undo it. */
  made(nowMs: number): void {
    this.#madeMs = nowMs;
  }

  /**
   * Forgets reservations and saved time: waiting callers reserve again, after the last call that was made.
   */
  restartAt(startMs: number): void {
    this.#nextMs = Math.max(startMs, this.#madeMs + this.#intervalMs);
  }

  cut(): void {
    this.#factor = Math.max(LEAST_FACTOR, this.#factor / 2);
  }

  raise(): void {
    this.#factor = Math.min(1, this.#factor + 1 / (this.callsPerSecond * RECOVERY_S));
  }

  get #intervalMs(): number {
    return 1_000 / (this.callsPerSecond * this.#factor);
  }
}
