/** Sums up the passes of a rewrap. @module */
import type { RewrapCounter } from './rewrap-counter.js';
import type { RewrapSummary } from './rewrap-event.js';
import type { RewrapShard } from './rewrap-shard.js';
import type { Destination } from './row-decision.js';

export class RewrapTally {
  readonly #shard: RewrapShard | undefined;
  #passes = 0;
  #rewrapped = 0;
  #repaired = 0;
  #flipped = 0;
  #last: RewrapCounter | undefined;

  constructor(shard: RewrapShard | undefined) {
    this.#shard = shard;
  }

  add(counter: RewrapCounter): void {
    this.#passes += 1;
    this.#rewrapped += counter.counts.rewrapped;
    this.#repaired += counter.repaired;
    this.#flipped += counter.flipped;
    this.#last = counter;
  }

  /** True when the last pass found every live row where it belongs. */
  get isClean(): boolean {
    return this.#last?.isClean === true;
  }

  summary(
    product: string,
    { epoch, target }: Omit<Destination, 'generationFloor'>,
    dryRun: boolean,
  ): RewrapSummary {
    const {
      scanned = 0,
      current = 0,
      skipped = 0,
      failed = 0,
      wouldRewrap = 0,
    } = this.#last?.counts ?? {};
    return {
      product,
      epoch,
      target,
      dryRun,
      ...(this.#shard && { shard: this.#shard }),
      complete: !dryRun && this.isClean,
      passes: this.#passes,
      rewrapped: this.#rewrapped,
      repaired: this.#repaired,
      flipped: this.#flipped,
      scanned,
      current,
      skipped,
      failed,
      wouldRewrap,
    };
  }
}
