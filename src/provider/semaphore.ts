/** Limits concurrent calls by a limit that changes. @module */
import { untilAborted } from '../async/abort.js';

export class Semaphore {
  readonly #limit: () => number;
  #taken = 0;
  #waiting: (() => void)[] = [];

  constructor(limit: () => number) {
    this.#limit = limit;
  }

  /** @throws The signal's reason; no place is taken then. */
  async take(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    while (this.#taken >= this.#limit()) await untilAborted(this.#change(), signal);
    this.#taken += 1;
  }

  release(): void {
    this.#taken -= 1;
    const woken = this.#waiting;
    this.#waiting = [];
    for (const wake of woken) wake();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }
}
