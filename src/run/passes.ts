/** Scans over the items of a store, repeated until one finds nothing to do. @module */
import { settleConcurrently, type WorkLimit } from '../async/concurrency.js';
import { errorCodeOf } from '../diagnostics/traced-call.js';
import {
  brokenContract,
  contended,
  FieldEncryptionError,
  isFieldEncryptionError,
} from '../errors/errors.js';
import { ownProperties } from '../guards/guards.js';
import type { ItemOutcome, PassedEvent, PassEvent, RunCounts, RunFailures } from './run-event.js';

/** One finished item. */
export interface Settled<Outcome extends ItemOutcome = ItemOutcome> {
  readonly outcome: Outcome;
  /** Another process wrote the item in the meantime. */
  readonly lostRace: boolean;
  /** Part of the item was written, although it counts as `unchanged`. @default false */
  readonly hasWritten?: boolean;
}

/** Sums of a run in addition to the counts, by name. */
export type Sums = Readonly<Record<string, number>>;

const COUNT_OF: Readonly<Record<ItemOutcome['type'], keyof RunCounts>> = {
  changed: 'changed',
  unchanged: 'unchanged',
  skipped: 'skipped',
  failed: 'failed',
  'would-change': 'wouldChange',
};

/** Skipped for now: another process, or a later scan, will change it. */
const LEFT_FOR_LATER = ['other-shard', 'other-version'];

const NOTHING = { scanned: 0, changed: 0, unchanged: 0, skipped: 0, failed: 0, wouldChange: 0 };

export class PassCounter {
  readonly #counts = { ...NOTHING };
  /** Items that were written, or that another process wrote first. */
  disturbed = 0;
  /** Items that are not yet in the final state of the run. */
  left = 0;
  readonly sums: Record<string, number> = ownProperties({});
  readonly failures: FailureCounts = new FailureCounts();

  add({ outcome, lostRace, hasWritten = false }: Settled, sums: Sums = {}): void {
    const { type } = outcome;
    this.#counts.scanned += 1;
    this.#counts[COUNT_OF[type]] += 1;
    if (type === 'failed') this.failures.add(outcome);
    if (lostRace || hasWritten || type === 'changed') this.disturbed += 1;
    if (isLeft(outcome)) this.left += 1;
    for (const [name, value] of Object.entries(sums)) {
      this.sums[name] = (this.sums[name] ?? 0) + value;
    }
  }

  get counts(): RunCounts {
    return { ...this.#counts };
  }

  /** Nothing was done, and nothing is left to do. */
  get isClean(): boolean {
    return this.disturbed === 0 && this.left === 0;
  }
}

type FailedItem = ItemOutcome & {
  readonly error?: unknown;
  readonly dekId?: string;
  readonly key?: Readonly<Record<string, string>>;
};

/** How many codes are counted separately: those of an adapter may be any. */
const MOST_CODES = 64;

/** Failures by code, each with the first item as an example. */
export class FailureCounts {
  readonly #byCode = new Map<string, { count: number; readonly example: string | object }>();

  add(outcome: FailedItem): void {
    const own = errorCodeOf(outcome.error);
    const code = this.#byCode.has(own) || this.#byCode.size < MOST_CODES ? own : 'OTHER';
    const counted = this.#byCode.get(code);
    if (counted) counted.count += 1;
    else this.#byCode.set(code, { count: 1, example: outcome.dekId ?? { ...outcome.key } });
  }

  /** Both, with the examples of these. */
  with(others: FailureCounts): FailureCounts {
    const sum = new FailureCounts();
    for (const [code, { count, example }] of [...this.#byCode, ...others.#byCode]) {
      const counted = sum.#byCode.get(code);
      if (counted) counted.count += count;
      else sum.#byCode.set(code, { count, example });
    }
    return sum;
  }

  get byCode(): RunFailures {
    const entries = [...this.#byCode].map(([code, each]) => [code, { ...each }] as const);
    return Object.fromEntries(entries) as RunFailures;
  }
}

/** Outcomes that end a row of failures. */
const SUCCESSES: readonly ItemOutcome['type'][] = ['changed', 'unchanged', 'would-change'];

/** Failures of one pass without a success between them. */
class FailureRow {
  readonly #most: number;
  #failures = 0;
  #first: FailedItem | undefined;

  constructor(most: number) {
    this.#most = most;
  }

  /** @throws FieldEncryptionError `TOO_MANY_FAILURES`. */
  add(outcome: FailedItem): void {
    const { type } = outcome;
    if (SUCCESSES.includes(type)) this.#failures = 0;
    if (type !== 'failed') return;
    if (this.#failures === 0) this.#first = outcome;
    this.#failures += 1;
    if (this.#failures < this.#most) return;
    const { error, dekId } = this.#first ?? outcome;
    throw new FieldEncryptionError(
      'TOO_MANY_FAILURES',
      `The run stopped after ${String(this.#failures)} failures without a success between them, the first with ${errorCodeOf(error)}: cure its cause and run it again to continue, or pass a larger "maxFailures"`,
      { cause: error, dekId, retryable: isFieldEncryptionError(error) && error.retryable },
    );
  }
}

export class RunTally {
  readonly #counters: PassCounter[] = [];
  /** Failures without a success between them that end a pass, and the run. */
  readonly maxFailures: number;

  constructor({ maxFailures }: Pick<RunTally, 'maxFailures'>) {
    this.maxFailures = maxFailures;
  }

  get passes(): number {
    return this.#counters.length;
  }

  add(counter: PassCounter): void {
    this.#counters.push(counter);
  }

  /** The last pass found every item in its final state. */
  get isClean(): boolean {
    return this.#last?.isClean === true;
  }

  /** Over all passes. */
  sum(name: string): number {
    return this.#counters.reduce((sum, { sums }) => sum + (sums[name] ?? 0), 0);
  }

  /** Of the last pass. */
  lastSum(name: string): number {
    return this.#last?.sums[name] ?? 0;
  }

  /** The counts of the last pass, with `changed` over all passes. */
  get counts(): RunCounts & { readonly passes: number; readonly failures: RunFailures } {
    const changed = this.#counters.reduce((sum, { counts }) => sum + counts.changed, 0);
    const failures = this.#last?.failures.byCode ?? {};
    return { passes: this.passes, ...(this.#last?.counts ?? NOTHING), changed, failures };
  }

  /** Over all passes, for a run that scans nothing twice. */
  get allFailures(): RunFailures {
    const none = new FailureCounts();
    return this.#counters.reduce((sum, { failures }) => sum.with(failures), none).byCode;
  }

  get #last(): PassCounter | undefined {
    return this.#counters.at(-1);
  }
}

/** Whether an item is not yet in the final state of the run. */
export function isLeft({ type, reason }: ItemOutcome): boolean {
  if (type === 'skipped') return reason !== undefined && LEFT_FOR_LATER.includes(reason);
  return type === 'failed' || type === 'would-change';
}

const PAGE_SIZE = 200;

interface ListOptions {
  readonly pageSize: number;
  readonly continuation: string | undefined;
  readonly signal: AbortSignal | undefined;
}

interface Page<Item> {
  readonly items: readonly Item[];
  readonly continuation?: string;
}

/** @throws FieldEncryptionError `ADAPTER_CONTRACT` where a listing would never end. */
export async function* pagesOf<Item>(
  list: (options: ListOptions) => Promise<Page<Item>>,
  [store, rule]: readonly [store: string, rule: string],
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly Item[], void, void> {
  let continuation: string | undefined;
  do {
    signal?.throwIfAborted();
    const page = await list({ pageSize: PAGE_SIZE, continuation, signal });
    yield page.items;
    if (page.continuation !== undefined && page.continuation === continuation) {
      throw brokenContract(store, rule, 'list returned the same continuation again');
    }
    continuation = page.continuation;
  } while (continuation !== undefined);
}

/** One scan. */
export interface PassPlan<Item, Outcome extends ItemOutcome> {
  readonly purpose: PassEvent['purpose'];
  /** Further properties of the event, for a scan over a part. */
  readonly part?: object | undefined;
  readonly total: () => Promise<number>;
  readonly pages: () => AsyncIterable<readonly Item[]>;
  /** Called after each page was read, and before any item of it is written. */
  readonly afterPage?: (() => Promise<unknown>) | undefined;
  /** @default the order of the store */
  readonly inOrder?: ((items: readonly Item[]) => readonly Item[]) | undefined;
  /** Resolves for a failure of the item alone; an error ends the run. */
  readonly settle: (item: Item) => Promise<Settled<Outcome>>;
  /** Sums of an outcome, in addition to the counts. */
  readonly sumsOf?: ((outcome: Outcome) => Sums) | undefined;
  /** Whether a failure is a finding of the run, which does not count towards `maxFailures`. */
  readonly isFinding?: ((outcome: Outcome) => boolean) | undefined;
  readonly concurrency: WorkLimit;
  readonly signal: AbortSignal | undefined;
}

export interface PassesPlan<Item, Outcome extends ItemOutcome> {
  /** What is scanned, for the error where the scans never settle. */
  readonly what: string;
  readonly next: () => PassPlan<Item, Outcome>;
  readonly isOverAfter: (counter: PassCounter) => boolean;
}

type Counted<Outcome> = Outcome & { readonly counts: RunCounts };
type PassEvents<Outcome, Result> = AsyncGenerator<
  Counted<Outcome> | PassedEvent | PassEvent,
  Result,
  void
>;

const MOST_PASSES = 100;

/**
 * @throws FieldEncryptionError `CONTENDED` where other writers kept changing items; `TOO_MANY_FAILURES`.
 */
export async function* runPasses<Item, Outcome extends ItemOutcome>(
  tally: RunTally,
  { what, next, isOverAfter }: PassesPlan<Item, Outcome>,
): PassEvents<Outcome, void> {
  for (let round = 0; round < MOST_PASSES; round += 1) {
    const counter = yield* runPass(tally, next());
    if (isOverAfter(counter)) return;
  }
  throw contended(`A scan of ${what} without a change`, MOST_PASSES);
}

export async function* runPass<Item, Outcome extends ItemOutcome>(
  tally: RunTally,
  plan: PassPlan<Item, Outcome>,
): PassEvents<Outcome, PassCounter> {
  const { purpose, part, inOrder, settle, concurrency, signal } = plan;
  const pass = tally.passes + 1;
  yield { type: 'pass', pass, purpose, total: await plan.total(), ...part };
  const counter = new PassCounter();
  const inARow = new FailureRow(tally.maxFailures);
  for await (const items of plan.pages()) {
    await plan.afterPage?.();
    const ordered = inOrder ? inOrder(items) : items;
    for await (const settled of settleConcurrently(ordered, settle, { concurrency, signal })) {
      counter.add(settled, plan.sumsOf?.(settled.outcome));
      yield { ...settled.outcome, counts: counter.counts };
      if (plan.isFinding?.(settled.outcome) !== true) inARow.add(settled.outcome);
    }
  }
  signal?.throwIfAborted();
  yield { type: 'passed', pass, counts: counter.counts };
  tally.add(counter);
  return counter;
}
