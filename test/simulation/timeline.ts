import { turn as everythingElse } from '../support/deferred.js';

interface Due {
  readonly atMs: number;
  readonly nth: number;
  readonly run: () => void;
}

/** The time of a simulated world: it stands still but between two things that happen. */
export class Timeline {
  nowMs = 1_000;
  steps = 0;
  #queue: Due[] = [];
  #asked = 0;
  readonly #listening = new Set<() => void>();

  after(delayMs: number, run: () => void): void {
    this.#asked += 1;
    this.#queue.push({ atMs: this.nowMs + delayMs, nth: this.#asked, run });
  }

  /** Lets the next thing happen, and everything that it brings about at once; false for none. */
  async step(): Promise<boolean> {
    const next = this.#takeNext();
    if (!next) return false;
    this.steps += 1;
    this.nowMs = Math.max(this.nowMs, next.atMs);
    next.run();
    await everythingElse();
    return true;
  }

  /** Calls `onAbort` when the signal aborts, until the function that it returns is called or all is over. */
  listen(signal: AbortSignal | undefined, onAbort: () => void): () => void {
    const stop = (): void => {
      signal?.removeEventListener('abort', onAbort);
      this.#listening.delete(stop);
    };
    if (!signal) return stop;
    signal.addEventListener('abort', onAbort, { once: true });
    this.#listening.add(stop);
    return stop;
  }

  /** Nothing more will happen: waiting calls hold no resources. */
  end(): void {
    this.#queue = [];
    // Whatever a timer of a cache finds later has expired, and is dropped.
    this.nowMs = Infinity;
    for (const stop of this.#listening) stop();
  }

  #takeNext(): Due | undefined {
    let first: Due | undefined;
    for (const due of this.#queue) {
      if (!first || due.atMs < first.atMs || (due.atMs === first.atMs && due.nth < first.nth)) {
        first = due;
      }
    }
    this.#queue = this.#queue.filter((due) => due !== first);
    return first;
  }
}
