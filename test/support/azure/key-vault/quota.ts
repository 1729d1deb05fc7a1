/** A budget of operations for every ten seconds. @module */
import type { Clock } from '../../../../src/index.js';
import { Refusal } from './refusal.js';

export interface QuotaOptions {
  /** Operations in ten seconds; those that are refused do not count. */
  readonly operations: number;
  /** Whether a refusal says when to come back. @default true */
  readonly retryAfter?: boolean;
}

const WINDOW_MS = 10_000;

export class Throttled extends Refusal {
  /** Whole seconds, for the header. */
  readonly retryAfter: number | undefined;

  constructor(retryAfter: number | undefined) {
    super({ status: 429, code: 'Throttled', message: 'Too many operations in ten seconds.' });
    this.retryAfter = retryAfter;
  }
}

export class Quota {
  readonly #clock: Clock;
  readonly #options: QuotaOptions;
  #startedAtMs = -Infinity;
  #used = 0;

  constructor(clock: Clock, options: QuotaOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** Counts one operation; throws if there is none left. */
  take(): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#startedAtMs >= WINDOW_MS) {
      this.#startedAtMs = nowMs;
      this.#used = 0;
    }
    const { operations, retryAfter = true } = this.#options;
    if (this.#used >= operations) {
      const restMs = this.#startedAtMs + WINDOW_MS - nowMs;
      throw new Throttled(retryAfter ? Math.ceil(restMs / 1000) : undefined);
    }
    this.#used += 1;
  }
}
