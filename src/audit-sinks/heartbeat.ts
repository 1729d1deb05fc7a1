/** Touches the files of a sink while it lives. @module */
import { restFor, type Clock } from '../async/clock.js';
import { ownController } from '../async/abort.js';
import { touch } from './durable-files.js';
import { TOUCH_EVERY_MS } from './file-holder.js';

export class Heartbeat {
  readonly #clock: Clock;
  readonly #paths: () => Iterable<string>;
  #beating: AbortController | undefined;

  constructor(clock: Clock, paths: () => Iterable<string>) {
    this.#clock = clock;
    this.#paths = paths;
  }

  start(): void {
    if (this.#beating) return;
    this.#beating = ownController();
    void this.#beat(this.#beating.signal);
  }

  stop(): void {
    this.#beating?.abort();
    this.#beating = undefined;
  }

  async #beat(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await restFor(this.#clock, TOUCH_EVERY_MS, signal);
        for (const path of [...this.#paths()]) await touch(path, this.#clock.wallMs());
      } catch {
        // Stopped; or the disk refused: the next beat may succeed, and a file that is taken over is written again.
      }
    }
  }
}
