/** A clock that moves when a test says so. @module */
import { systemClock, type Clock } from '../async/clock.js';
import { readOptions } from '../guards/guards.js';
import { ONCE } from '../async/own-signal.js';
import { ownSignal } from '../async/own-signal.js';

export interface ManualClockOptions {
  /** Where the wall clock begins. @default 2026-01-01T00:00:00.000Z */
  readonly wallMs?: number;
  /** What `jitter` answers, every time: from 0 to below 1. @default 0.5 */
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
 * {@link advance} jumps: whoever was due wakes up to find the whole time gone. {@link run} lets time
 * pass: whoever wakes up may sleep again and be woken again on the way.
 *
 * @example
 * ```ts
 * import { ManualClock } from '@bytelyst/field-encrypt/testing';
 *
 * const clock = new ManualClock();
 * const nap = clock.sleep(60_000);
 * clock.advance(60_000);
 * await nap;
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

  /** Moves both scales on at once, and wakes those who were due, the earliest first. */
  advance(durationMs: number): void {
    requireDuration(durationMs);
    this.#moveTo(this.#monotonicMs + durationMs);
  }

  /** Lets the time pass sleep by sleep; whatever is woken runs until it sleeps again or is done. */
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

  /** Sets the wall clock back, as an administrator or a time server would; sleeps go on. */
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

/** A turn of the real event loop: every promise that can settle does. */
function letOthersRun(): Promise<void> {
  return systemClock.sleep(0);
}
