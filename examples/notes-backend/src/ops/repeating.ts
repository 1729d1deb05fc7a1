/** Work that is done again and again while someone watches. @module */
import { setTimeout as sleep } from 'node:timers/promises';

export interface RepeatingOptions {
  /** From the end of one call until the begin of the next. */
  readonly pauseMs: number;
  /** Must not reject: a failure is part of what it finds out. */
  readonly work: (signal: AbortSignal) => Promise<void> | void;
}

/** A call that takes longer is aborted with a `TimeoutError`. */
const MOST_MS = 60_000;

export class Repeating {
  readonly #options: RepeatingOptions;
  readonly #ending = new AbortController();

  constructor(options: RepeatingOptions) {
    this.#options = options;
  }

  /** The first call begins at once. */
  async start(): Promise<void> {
    const { pauseMs } = this.#options;
    const { signal } = this.#ending;
    while (!signal.aborted) {
      await this.#callOnce();
      // Watching alone keeps no process alive.
      await sleep(pauseMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** A call that is in work is aborted; no other begins. */
  stop(): void {
    this.#ending.abort();
  }

  async #callOnce(): Promise<void> {
    const call = new AbortController();
    const end = (): void => {
      call.abort();
    };
    const timer = setTimeout(() => {
      call.abort(new DOMException('It takes too long', 'TimeoutError'));
    }, MOST_MS);
    timer.unref();
    this.#ending.signal.addEventListener('abort', end);
    try {
      await this.#options.work(call.signal);
    } finally {
      clearTimeout(timer);
      this.#ending.signal.removeEventListener('abort', end);
    }
  }
}
