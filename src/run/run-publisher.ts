/** Publishes the events of a run on its diagnostics channel, and ends the run. @module */
import { channel } from 'node:diagnostics_channel';
import { ONCE, ownController } from '../async/abort.js';
import { diagnosticsChannels } from '../diagnostics/diagnostics-channels.js';
import { errorCodeOf, type CallErrorCode } from '../diagnostics/traced-call.js';
import type { MekReference } from '../format/dek-row.js';
import type { VaultBudget } from '../provider/vault-budget.js';
import type { ChargedEvent } from '../store/run-charge.js';
import { isLeft } from './passes.js';
import { type AuditedRun, RunAudit } from './run-audit.js';
import type { RunContext } from './run-context.js';
import type { ItemOutcome, RunCounts, RunName, RunSummary, FinishedEvent } from './run-event.js';

/** For what is in flight when the signal aborts: rows that were written are still reported. */
const GRACE_MS = 1_000;

type AbortOptions = Pick<RunContext, 'clock' | 'signal'>;

/**
 * The same events. Where a step has not ended one second after the signal aborted, it rejects with the
 * signal's reason, and what is in flight ends by itself.
 */
export function endOnAbort<Event, Result>(
  events: AsyncGenerator<Event, Result, void>,
  { clock, signal }: AbortOptions,
): AsyncIterator<Event, Result, void> {
  if (!signal) return events;
  let isGivenUp = false;
  const wait = <T>(step: Promise<T>): Promise<T> =>
    untilGivenUp(step, { clock, signal }, () => {
      isGivenUp = true;
    });
  const leave = (): Promise<IteratorResult<Event, Result>> => events.return(undefined as Result);
  return {
    next: () => wait(events.next()),
    return: async () => {
      const left = leave();
      // It waits for the step that does not end.
      if (!isGivenUp) return wait(left);
      left.catch(() => undefined);
      return { done: true, value: undefined as Result };
    },
  };
}

function untilGivenUp<T>(
  step: Promise<T>,
  { clock, signal }: AbortOptions & { readonly signal: AbortSignal },
  giveUp: () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    // Made only once it is needed: a run has as many steps as events.
    let ended: AbortController | undefined;
    const stop = (): void => {
      ended = ownController();
      clock.sleep(GRACE_MS, ended.signal).then(
        () => {
          giveUp();
          // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the caller's own
          reject(signal.reason);
        },
        () => undefined,
      );
    };
    signal.addEventListener('abort', stop, ONCE);
    if (signal.aborted) stop();
    const settled = step.finally(() => {
      signal.removeEventListener('abort', stop);
      ended?.abort();
    });
    settled.then(resolve, reject);
  });
}

/** The first `next()` was called, with valid options. */
interface RunStartedEvent {
  readonly type: 'started';
}

/** The run ended before it was finished: it failed, was aborted, or its caller stopped. */
interface RunStoppedEvent {
  readonly type: 'stopped';
  /** Absent where the caller stopped. */
  readonly errorCode?: CallErrorCode;
}

/** An item failed: a code instead of the error, which may quote the input of an adapter. */
interface PublishedFailedEvent extends ChargedEvent {
  readonly type: 'failed';
  /** Absent for a document, whose key is not published. */
  readonly dekId?: string;
  readonly errorCode: CallErrorCode;
  readonly counts: RunCounts;
}

/** The event as the caller receives it. */
interface PublishedFinishedEvent extends ChargedEvent {
  readonly type: 'finished';
  readonly summary: RunSummary;
}

/** Any other event as the caller receives it, without the key of a document. */
interface PublishedStepEvent extends ChargedEvent {
  readonly type:
    Exclude<ItemOutcome['type'], 'failed'> | 'begun' | 'fence' | 'lease' | 'pass' | 'passed';
  readonly dekId?: string;
  readonly counts?: RunCounts;
  /** Further properties of the run's own events. */
  readonly [fact: string]: unknown;
}

type PublishedRunEvent =
  | PublishedFailedEvent
  | PublishedFinishedEvent
  | PublishedStepEvent
  | RunStartedEvent
  | RunStoppedEvent;

/** One event of a run, published before its caller receives it. */
export interface RunMessage {
  /** Distinguishes the runs of one process: from 1 on. */
  readonly id: number;
  readonly run: RunName;
  readonly product: string;
  readonly dryRun: boolean;
  /** Only for a rotation. */
  readonly target?: MekReference;
  /** Only for a migration. */
  readonly collection?: string;
  /** Items when the scan in progress began; absent before the first. */
  readonly total?: number;
  /**
   * Items that may still have to be changed; absent before the first scan. During that scan: the items that
   * it has not reached, and those that it left. Afterwards: the items that the last whole scan left, so 0 in
   * the end where the run is complete.
   */
  readonly left?: number;
  /** So far, as in the summary; absent for none. */
  readonly vaultOps?: number;
  /** So far, as in the summary; absent for none. */
  readonly throttled?: number;
  /** Always ends with `finished` or `stopped`. */
  readonly event: PublishedRunEvent;
}

/** Any event of any run. */
export interface RunEventLike {
  readonly type: (PublishedFailedEvent | PublishedFinishedEvent | PublishedStepEvent)['type'];
  readonly counts?: RunCounts;
  readonly pass?: number;
  readonly total?: number;
  readonly error?: unknown;
}

type Source = Omit<RunMessage, 'event' | 'id' | 'left' | 'throttled' | 'total' | 'vaultOps'>;

const runChannel = channel(diagnosticsChannels.run);
let runs = 0;

/** The publisher of one run from its start: receives each of its events, its failure and its end. */
class RunPublisher {
  readonly #source: Source & Pick<RunMessage, 'id'>;
  readonly #budget: VaultBudget;
  #isOver = false;
  #pass = 0;
  #total: number | undefined;
  #left: number | undefined;
  #leftOfPass = 0;

  constructor(source: Source, budget: VaultBudget) {
    runs += 1;
    this.#source = { id: runs, ...source };
    this.#budget = budget;
    this.#send({ type: 'started' });
  }

  publish(event: RunEventLike): void {
    // Counts without subscribers too: one that subscribes in the middle must see what is left.
    this.#count(event);
    if (runChannel.hasSubscribers) this.#send(published(event));
  }

  /** A run that has neither finished nor failed was stopped by its caller. */
  stop(why: Pick<RunStoppedEvent, 'errorCode'>): void {
    if (!this.#isOver) this.#send({ type: 'stopped', ...why });
    this.#isOver = true;
  }

  #send(event: RunMessage['event']): void {
    if (!runChannel.hasSubscribers) return;
    const [total, left] = [this.#total, this.#left];
    const progress = total === undefined || left === undefined ? {} : { total, left };
    const facts = this.#budget.inSummary({ ...structuredClone(this.#source), ...progress });
    const message: RunMessage = { ...facts, event };
    runChannel.publish(message);
  }

  #count(event: RunEventLike): void {
    switch (event.type) {
      case 'begun':
      case 'fence':
      case 'lease':
        return;
      case 'pass':
        this.#pass = event.pass ?? 0;
        this.#total = event.total;
        this.#left ??= event.total;
        this.#leftOfPass = 0;
        return;
      case 'passed':
        this.#left = this.#leftOfPass;
        return;
      case 'finished':
        this.#isOver = true;
        return;
      default:
        this.#countItem(event as ItemOutcome, event.counts?.scanned ?? 0);
    }
  }

  #countItem(outcome: ItemOutcome, scanned: number): void {
    if (isLeft(outcome)) this.#leftOfPass += 1;
    if (this.#pass > 1) return;
    this.#left = Math.max(0, (this.#total ?? 0) - scanned) + this.#leftOfPass;
  }
}

/**
 * A copy: changes by a subscriber must not reach the caller. Without errors, and without keys of documents.
 */
function published(event: RunEventLike): PublishedRunEvent {
  const facts = Object.entries(event).filter(([name]) => !WITHHELD.includes(name));
  const copy = structuredClone(Object.fromEntries(facts)) as { summary?: RunSummary };
  if (copy.summary) copy.summary = withoutKeys(copy.summary);
  const code = event.type === 'failed' ? { errorCode: errorCodeOf(event.error) } : {};
  return { ...copy, ...code } as PublishedRunEvent;
}

const WITHHELD = ['error', 'key', 'loss'];

/** The examples of failed documents are their keys. */
function withoutKeys<Summary extends RunSummary>(summary: Summary): Summary {
  const failures = Object.entries(summary.failures).map(([code, { count, example }]) => [
    code,
    typeof example === 'string' ? { count, example } : { count },
  ]);
  return { ...summary, failures: Object.fromEntries(failures) as RunSummary['failures'] };
}

/**
 * Yields the events of a run with the charge of each, publishes them, and adds the summary as the last event.
 *
 * @param work - Yields every event except `finished`, and returns the summary without its costs.
 */
export async function* finishRun<Event extends ChargedEvent, Summary extends RunSummary>(
  context: RunContext,
  { sourceVersion, ...facts }: AuditedRun,
  work: () => AsyncGenerator<Event, Summary, void>,
): AsyncGenerator<Event | FinishedEvent<Summary>, Summary, void> {
  const { product, request, charge, budget, clock, signal } = context;
  const publisher = new RunPublisher({ ...facts, product, dryRun: request.dryRun }, budget);
  const log = context.audit;
  const audit = log && new RunAudit(log, context, { ...facts, sourceVersion });
  const publish = (event: Event): void => {
    audit?.see(event as unknown as RunEventLike);
    publisher.publish(event as unknown as RunEventLike);
  };
  try {
    signal?.throwIfAborted();
    await audit?.begin();
    const events = endOnAbort(work(), { clock, signal });
    const counted = yield* charge.inEvents(events, publish);
    const summary = budget.inSummary(charge.inSummary(counted));
    const finished = charge.inEvent<FinishedEvent<Summary>>({ type: 'finished', summary });
    await audit?.finish(summary);
    publisher.publish(finished);
    yield finished;
    return summary;
  } catch (error) {
    publisher.stop({ errorCode: errorCodeOf(error, signal) });
    await audit?.fail(error);
    throw error;
  } finally {
    publisher.stop({});
    await audit?.leave();
  }
}
