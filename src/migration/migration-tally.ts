/** Sums up the passes of a migration. @module */
import type { MigrationCounter } from './migration-counter.js';
import type { MigrationSummary } from './migration-event.js';

type Subject = Pick<MigrationSummary, 'collection' | 'dryRun' | 'kind' | 'product'>;

export class MigrationTally {
  #passes = 0;
  #rewritten = 0;
  #fields = 0;
  #retired = 0;
  #shredded = 0;
  #last: MigrationCounter | undefined;

  get passes(): number {
    return this.#passes;
  }

  add(counter: MigrationCounter): void {
    this.#passes += 1;
    this.#rewritten += counter.counts.rewritten;
    this.#fields += counter.fields;
    this.#retired += counter.retired;
    this.#shredded += counter.shredded;
    this.#last = counter;
  }

  summary({ kind, product, collection, dryRun }: Subject): MigrationSummary {
    const {
      scanned = 0,
      current = 0,
      skipped = 0,
      failed = 0,
      wouldRewrite = 0,
    } = this.#last?.counts ?? {};
    const { misdated = 0 } = this.#last ?? {};
    return {
      kind,
      product,
      collection,
      dryRun,
      complete: !dryRun && this.#last?.isClean === true,
      passes: this.#passes,
      rewritten: this.#rewritten,
      fields: this.#fields,
      retired: this.#retired,
      shredded: this.#shredded,
      scanned,
      current,
      skipped,
      failed,
      wouldRewrite,
      ...(misdated > 0 && { misdated }),
    };
  }
}
