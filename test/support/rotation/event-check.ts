import { deepEqual, equal, ok } from 'node:assert/strict';
import type { DekRow } from '../../../src/adapters.js';
import type { DekStore, RunCounts, RewrapEvent, RewrapSummary } from '../../../src/index.js';
import type { Execution, Journal } from './journal.js';

const NOTHING: RunCounts = {
  scanned: 0,
  changed: 0,
  unchanged: 0,
  skipped: 0,
  failed: 0,
  wouldChange: 0,
};

const LEFT_FOR_LATER: readonly string[] = ['other-shard', 'other-version'];

type RowEvent = Extract<RewrapEvent, { readonly counts: RunCounts; readonly dekId: string }>;

/** What happened, as far as a rewrap can speak of it. */
export interface Witness {
  readonly journal: Pick<Journal, 'wrote'> & {
    readonly executions: readonly Pick<Execution, 'args' | 'code' | 'method' | 'process'>[];
  };
  readonly memory: Pick<DekStore, 'get'>;
}

/** Compares what a rewrap says with what happened. */
export class EventCheck {
  readonly #watch: Witness;
  readonly #process: string;
  #epoch = 0;
  #mekVersion = '';
  #counts = NOTHING;
  #passBegan = 0;
  #passes: { readonly purpose: string; isClean: boolean }[] = [];

  constructor(watch: Witness, process: string) {
    this.#watch = watch;
    this.#process = process;
  }

  async see(event: RewrapEvent): Promise<void> {
    switch (event.type) {
      case 'begun':
        this.#epoch = event.epoch;
        this.#mekVersion = event.target.mekVersion;
        break;
      case 'pass':
        this.#counts = NOTHING;
        this.#passBegan = this.#watch.journal.executions.length;
        this.#passes.push({ purpose: event.purpose, isClean: true });
        break;
      case 'passed':
        deepEqual(event.counts, this.#counts, 'I9: a pass does not add up');
        if (this.#ownReplaces().length > 0) this.#soilPass();
        break;
      case 'fence':
        ok(event.remainingMs > 0);
        break;
      case 'finished':
        break;
      default:
        await this.#seeRow(event);
    }
  }

  finish(events: readonly RewrapEvent[], summary: RewrapSummary): void {
    deepEqual(events.at(-1), { type: 'finished', summary });
    const passed = events.filter((event) => event.type === 'passed');
    const sum = passed.reduce((total, { counts }) => total + counts.changed, 0);
    const { scanned, unchanged, skipped, failed } = summary;
    const last = passed.at(-1)?.counts;
    deepEqual({ ...last, changed: 0 }, { ...NOTHING, scanned, unchanged, skipped, failed });
    equal(summary.changed, sum, 'I9: the summary does not add up');
    if (!summary.complete) return;
    equal(this.#passes.at(-1)?.purpose, 'verify', 'I11: the last scan was not to verify');
    const clean = this.#passes.slice(-2).filter(({ isClean }) => isClean);
    equal(clean.length, 2, 'I11: fewer than two scans that found nothing to do');
  }

  #soilPass(): void {
    const pass = this.#passes.at(-1);
    if (pass) pass.isClean = false;
  }

  async #seeRow(event: RowEvent): Promise<void> {
    const { dekId, type } = event;
    ok(/^[0-9a-f]{32}\.[1-9]\d*$/.test(dekId), 'I9: a row is not named');
    const property = type === 'would-change' ? 'wouldChange' : type;
    const { scanned, [property]: before } = this.#counts;
    this.#counts = { ...this.#counts, scanned: scanned + 1, [property]: before + 1 };
    deepEqual(event.counts, this.#counts, 'I9: the counts are not those of the rows');
    if (type !== 'unchanged' && (type !== 'skipped' || LEFT_FOR_LATER.includes(event.reason))) {
      this.#soilPass();
    }
    if (type === 'failed' && !isUnreachable(event.error)) this.#requireUnwritten(dekId);
    if (type === 'changed' || (type === 'unchanged' && event.epochOnly)) {
      ok(this.#watch.journal.wrote(dekId, this.#epoch), `I9: ${dekId} is reported, and unwritten`);
    }
    if (type === 'changed' || type === 'unchanged') await this.#requireDurable(dekId);
  }

  async #requireDurable(dekId: string): Promise<void> {
    const item = await this.#watch.memory.get(dekId);
    const row = item?.value as DekRow;
    if (row.state === 'shredded' || row.epoch > this.#epoch) return;
    equal(row.epoch, this.#epoch, `I9: ${dekId} is reported as done, and is not`);
    equal(row.mekVersion, this.#mekVersion, `I9: ${dekId} is reported as done, and is not`);
  }

  /** I7: a row that is reported as failed is as it was. */
  #requireUnwritten(dekId: string): void {
    const wrote = this.#ownReplaces().some(
      ({ args, code }) => code === undefined && (args[0] as DekRow).id === dekId,
    );
    ok(!wrote, `I7: ${dekId} failed, and was written`);
  }

  /** Of this pass, the lost ones too. */
  #ownReplaces(): Witness['journal']['executions'] {
    const { executions } = this.#watch.journal;
    return executions
      .slice(this.#passBegan)
      .filter(({ process, method }) => process === this.#process && method === 'replace');
  }
}

/** The write may have been executed anyway, and only its answer lost. */
function isUnreachable(error: unknown): boolean {
  return (error as { readonly code?: unknown }).code === 'STORE_UNAVAILABLE';
}
