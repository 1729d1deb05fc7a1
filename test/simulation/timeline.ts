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

  /** Nothing more will happen: whoever waits holds on to nothing. */
  end(): void {
    this.#queue = [];
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
