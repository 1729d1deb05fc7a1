import { turn } from './deferred.js';
import { ManualClock } from './clock.js';

/** Turns of the event loop in which nothing must happen before time goes on. */
const QUIET_TURNS = 4;

/**
 * A clock for work that goes over a real network: time stands still while anything is on its way, so
 * that how fast the machine is makes no difference to what is measured by it.
 */
export class QuietClock extends ManualClock {
  readonly #dues = new Set<{ readonly dueMs: number }>();
  #underWay = 0;

  /** Work that takes no time by this clock. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#underWay += 1;
    try {
      return await work();
    } finally {
      this.#underWay -= 1;
    }
  }

  override async sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    const due = { dueMs: this.monotonicMs() + durationMs };
    this.#dues.add(due);
    try {
      await super.sleep(durationMs, signal);
    } finally {
      this.#dues.delete(due);
    }
  }

  /** Lets time pass, from sleeper to sleeper, until the work is done. */
  async pass<T>(work: Promise<T>): Promise<T> {
    const progress = { isOver: false };
    const done = work.finally(() => {
      progress.isOver = true;
    });
    done.catch(() => undefined);
    while (!progress.isOver) {
      await this.#quiet();
      const dues = [...this.#dues].map(({ dueMs }) => dueMs);
      if (dues.length > 0) this.advance(Math.max(0, Math.min(...dues) - this.monotonicMs()));
    }
    return done;
  }

  async #quiet(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS; quiet += 1) {
      await turn();
      if (this.#underWay > 0) quiet = -1;
    }
  }
}
