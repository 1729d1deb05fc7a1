/** How long the sender waits after a failure. @module */
import type { Clock } from '../async/clock.js';

const FIRST_MS = 1_000;
const MOST_MS = 60_000;
/** A service that asks for more is asked again after this. */
const MOST_RETRY_AFTER_MS = 600_000;

export class BackOff {
  readonly #clock: Clock;
  #failures = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/. */
  waitMs(retryAfter: string | undefined): number {
    const mostMs = Math.min(MOST_MS, FIRST_MS * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 16);
    return Math.max(this.#clock.jitter() * mostMs, this.#askedMs(retryAfter));
  }

  /** Seconds, or a date: RFC 9110, section 10.2.3. */
  #askedMs(retryAfter: string | undefined): number {
    if (retryAfter === undefined) return 0;
    const askedMs = /^\d{1,9}$/.test(retryAfter)
      ? Number(retryAfter) * 1_000
      : Date.parse(retryAfter) - this.#clock.wallMs();
    return Number.isNaN(askedMs) ? 0 : Math.min(Math.max(0, askedMs), MOST_RETRY_AFTER_MS);
  }
}
