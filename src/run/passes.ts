/** Scans over the items of a store, repeated until one finds nothing to do. @module */
import { contended } from '../errors/errors.js';
import { settleConcurrently, type WorkLimit } from '../async/concurrency.js';
import { PassCounter, type RunTally, type Settled, type Sums } from './run-counter.js';
import type { ItemOutcome, PassedEvent, PassEvent, RunCounts } from './run-event.js';

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

/** @throws FieldEncryptionError `CONTENDED` where other writers kept changing items. */
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
  for await (const items of plan.pages()) {
    await plan.afterPage?.();
    const ordered = inOrder ? inOrder(items) : items;
    for await (const settled of settleConcurrently(ordered, settle, { concurrency, signal })) {
      counter.add(settled, plan.sumsOf?.(settled.outcome));
      yield { ...settled.outcome, counts: counter.counts };
    }
  }
  signal?.throwIfAborted();
  yield { type: 'passed', pass, counts: counter.counts };
  tally.add(counter);
  return counter;
}
