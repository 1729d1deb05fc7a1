/** Counts what became of the documents of one pass. @module */
import type { DocumentOutcome, MigrationCounts } from './migration-event.js';

export interface SettledDocument {
  readonly outcome: DocumentOutcome;
  /** Someone else wrote the document in the meantime. */
  readonly lostRace: boolean;
}

const PROPERTY_OF: Readonly<Record<DocumentOutcome['type'], keyof MigrationCounts>> = {
  rewritten: 'rewritten',
  current: 'current',
  skipped: 'skipped',
  failed: 'failed',
  'would-rewrite': 'wouldRewrite',
};

export class MigrationCounter {
  readonly #counts = {
    scanned: 0,
    rewritten: 0,
    current: 0,
    skipped: 0,
    failed: 0,
    wouldRewrite: 0,
  };
  /** Documents that were written, or whose DEKs were, or that someone else wrote first. */
  disturbed = 0;
  /** Declared values that were sealed or opened. */
  fields = 0;
  retired = 0;
  shredded = 0;
  misdated = 0;

  add({ outcome, lostRace }: SettledDocument): void {
    this.#counts.scanned += 1;
    this.#counts[PROPERTY_OF[outcome.type]] += 1;
    if (lostRace || isWritten(outcome)) this.disturbed += 1;
    if (outcome.type === 'rewritten') this.fields += outcome.fields;
    if ('misdated' in outcome) this.misdated += outcome.misdated.length;
    if (outcome.type !== 'rewritten' && outcome.type !== 'current') return;
    this.retired += outcome.retired?.length ?? 0;
    this.shredded += outcome.shredded?.length ?? 0;
  }

  get counts(): MigrationCounts {
    return { ...this.#counts };
  }

  /** Nothing was done, and nothing is left to do. */
  get isClean(): boolean {
    return this.disturbed + this.#counts.failed + this.#counts.wouldRewrite === 0;
  }
}

function isWritten(outcome: DocumentOutcome): boolean {
  if (outcome.type === 'current') return Boolean(outcome.retired ?? outcome.shredded);
  return outcome.type === 'rewritten';
}
