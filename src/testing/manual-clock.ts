/** A clock that moves when a test moves it. @module */
import { systemClock, type Clock } from '../async/clock.js';
import { readOptions } from '../guards/guards.js';
import { ONCE } from '../async/abort.js';
import { ownSignal } from '../async/abort.js';

export interface ManualClockOptions {
  /** The initial time of the wall clock. @default 2026-01-01T00:00:00.000Z */
  readonly wallMs?: number;
  /** The constant result of `jitter`, from 0 to below 1. @default 0.5 */
  readonly jitter?: number;
}

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

const DEFAULT_WALL_MS = Date.UTC(2026, 0, 1);
const DEFAULT_JITTER = 0.5;

/**
 * A clock that stands still between two calls of a test, so that hours pass in no time.
 *
 * {@link advance} jumps: a sleeper that was due wakes after the whole time has passed. {@link run} lets time
 * pass: a sleeper that wakes may sleep again and wake again on the way.
 *
 * @example
 * ```ts
 * import { ManualClock } from '@bytelyst/field-encrypt/testing';
 *
 * const clock = new ManualClock();
 * const sleep = clock.sleep(60_000);
 * clock.advance(60_000);
 * await sleep;
 * ```
 */
export class ManualClock implements Clock {
  readonly #jitter: number;
  #wallMs: number;
  #monotonicMs = 0;
  #sleepers: readonly Sleeper[] = [];

  constructor(options: ManualClockOptions = {}) {
    const own = readOptions(options, ['wallMs', 'jitter']);
    const { wallMs = DEFAULT_WALL_MS, jitter = DEFAULT_JITTER } = own;
    this.#wallMs = wallMs;
    this.#jitter = jitter;
  }

  /** Calls of `sleep` that have not ended. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  wallMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  jitter(): number {
    return this.#jitter;
  }

  async sleep(durationMs: number, given?: AbortSignal): Promise<void> {
    const signal = ownSignal(given);
    signal?.throwIfAborted();
    if (durationMs <= 0) return;
    const dueMs = this.#monotonicMs + durationMs;
    await new Promise<void>((resolve, reject) => {
      const wake = (): void => {
        signal?.removeEventListener('abort', abort);
        resolve();
      };
      const sleeper = { dueMs, wake };
      const abort = (): void => {
        this.#sleepers = this.#sleepers.filter((each) => each !== sleeper);
        reject(signal?.reason as Error);
      };
      signal?.addEventListener('abort', abort, ONCE);
      this.#sleepers = [...this.#sleepers, sleeper];
    });
  }

  /** Moves both scales at once, and wakes due sleepers, the earliest first. */
  advance(durationMs: number): void {
    requireDuration(durationMs);
    this.#moveTo(this.#monotonicMs + durationMs);
  }

  /** Lets time pass sleep by sleep; a sleeper that wakes runs until it sleeps again or is done. */
  async run(durationMs: number): Promise<void> {
    requireDuration(durationMs);
    const endMs = this.#monotonicMs + durationMs;
    await letOthersRun();
    for (let due = this.#nextDueMs(); due <= endMs; due = this.#nextDueMs()) {
      this.#moveTo(due);
      await letOthersRun();
    }
    this.#moveTo(endMs);
  }

  /** Sets the wall clock back, as an administrator or a time server would; sleeps continue. */
  setBack(durationMs: number): void {
    requireDuration(durationMs);
    this.#wallMs -= durationMs;
  }

  #nextDueMs(): number {
    return Math.min(...this.#sleepers.map(({ dueMs }) => dueMs));
  }

  #moveTo(monotonicMs: number): void {
    const passedMs = Math.max(0, monotonicMs - this.#monotonicMs);
    this.#monotonicMs += passedMs;
    this.#wallMs += passedMs;
    const isDue = ({ dueMs }: Sleeper): boolean => dueMs <= this.#monotonicMs;
    const due = this.#sleepers.filter(isDue).sort((one, other) => one.dueMs - other.dueMs);
    this.#sleepers = this.#sleepers.filter((sleeper) => !isDue(sleeper));
    for (const { wake } of due) wake();
  }
}

function requireDuration(durationMs: number): void {
  if (Number.isFinite(durationMs) && durationMs >= 0) return;
  throw new RangeError('"durationMs" expected a number of milliseconds from 0 on');
}

/** One turn of the real event loop: every promise that can settle does. */
function letOthersRun(): Promise<void> {
  return systemClock.sleep(0);
}
