/** Publishes the events of a run on its diagnostics channel, and ends the run. @module */
import { endOnAbort } from './end-on-abort.js';
import { channel } from 'node:diagnostics_channel';
import { diagnosticsChannels } from '../diagnostics/diagnostics-channels.js';
import { errorCodeOf, type CallErrorCode } from '../diagnostics/traced-call.js';
import type { MekReference } from '../format/key-wrap.js';
import type { ChargedEvent } from '../store/metered-dek-store.js';
import type { RunContext } from './run-context.js';
import { isLeft } from './run-counter.js';
import type { ItemOutcome, RunCounts, RunName, RunSummary, FinishedEvent } from './run-event.js';

/** The first `next()` was called, with options that make sense. */
interface RunStartedEvent {
  readonly type: 'started';
}

/** The run ended before it was finished: it failed, was aborted, or its caller left. */
interface RunStoppedEvent {
  readonly type: 'stopped';
  /** Absent where the caller left. */
  readonly errorCode?: CallErrorCode;
}

/** An item failed: a code instead of the error, which may quote what an adapter was sent. */
interface PublishedFailedEvent {
  readonly type: 'failed';
  /** Absent for a document, whose key is not published. */
  readonly dekId?: string;
  readonly errorCode: CallErrorCode;
  readonly counts: RunCounts;
  readonly requestCharge?: number;
}

/** As its caller gets it. */
interface PublishedFinishedEvent {
  readonly type: 'finished';
  readonly summary: RunSummary;
  readonly requestCharge?: number;
}

/** Any other event as its caller gets it, but for the key of a document. */
interface PublishedStepEvent {
  readonly type:
    | 'begun'
    | 'changed'
    | 'fence'
    | 'lease'
    | 'pass'
    | 'passed'
    | 'skipped'
    | 'unchanged'
    | 'would-change';
  readonly dekId?: string;
  readonly counts?: RunCounts;
  readonly requestCharge?: number;
  /** What the run's own events say besides. */
  readonly [fact: string]: unknown;
}

type PublishedRunEvent =
  | PublishedFailedEvent
  | PublishedFinishedEvent
  | PublishedStepEvent
  | RunStartedEvent
  | RunStoppedEvent;

/** One event of a run, published before its caller gets it. */
export interface RunMessage {
  /** Tells the runs of one process apart: from 1 on. */
  readonly id: number;
  readonly run: RunName;
  readonly product: string;
  readonly dryRun: boolean;
  /** Of a rotation. */
  readonly target?: MekReference;
  /** Of a migration. */
  readonly collection?: string;
  /** Items when the scan in progress began; absent before the first. */
  readonly total?: number;
  /**
   * Items that may still have to be changed, absent before the first scan. While that lasts: the items
   * that it has not come to, and those it left. Afterwards: what the last whole scan left, so 0 in the end
   * where the run is complete.
   */
  readonly left?: number;
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

type Source = Omit<RunMessage, 'event' | 'id' | 'left' | 'total'>;

const runChannel = channel(diagnosticsChannels.run);
let runs = 0;

/** One run, from its start on; has to see each of its events, its failure and its end. */
export class RunPublisher {
  readonly #source: Source & Pick<RunMessage, 'id'>;
  #isOver = false;
  #pass = 0;
  #total: number | undefined;
  #left: number | undefined;
  #leftOfPass = 0;

  constructor(source: Source) {
    runs += 1;
    this.#source = { id: runs, ...source };
    this.#send({ type: 'started' });
  }

  publish(event: RunEventLike): void {
    // Counted without subscribers too: one that comes in the middle has to see what is left.
    this.#count(event);
    if (runChannel.hasSubscribers) this.#send(published(event));
  }

  fail(error: unknown, signal: AbortSignal | undefined): void {
    this.#stop({ errorCode: errorCodeOf(error, signal) });
  }

  /** Where the run has neither finished nor failed, its caller left. */
  end(): void {
    this.#stop({});
  }

  #stop(why: Pick<RunStoppedEvent, 'errorCode'>): void {
    if (!this.#isOver) this.#send({ type: 'stopped', ...why });
    this.#isOver = true;
  }

  #send(event: RunMessage['event']): void {
    if (!runChannel.hasSubscribers) return;
    const [total, left] = [this.#total, this.#left];
    const progress = total === undefined || left === undefined ? {} : { total, left };
    const message: RunMessage = { ...structuredClone(this.#source), ...progress, event };
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

/** A copy: what a subscriber does to it must not reach the caller. No error, and no key of a document. */
function published(event: RunEventLike): PublishedRunEvent {
  const facts = Object.entries(event).filter(([name]) => !WITHHELD.includes(name));
  const copy = structuredClone(Object.fromEntries(facts)) as object;
  const code = event.type === 'failed' ? { errorCode: errorCodeOf(event.error) } : {};
  return { ...copy, ...code } as PublishedRunEvent;
}

const WITHHELD = ['error', 'key', 'loss'];

/**
 * The events of a run with what each of them cost, published, and its summary as the last of them.
 *
 * @param work - Yields everything but `finished`, and returns the summary without its costs.
 */
export async function* finishRun<Event extends ChargedEvent, Summary extends RunSummary>(
  { charge, budget, clock, signal }: RunContext,
  publisher: RunPublisher,
  work: () => AsyncGenerator<Event, Summary, void>,
): AsyncGenerator<Event | FinishedEvent<Summary>, Summary, void> {
  const publish = (event: Event): void => {
    publisher.publish(event as unknown as RunEventLike);
  };
  try {
    signal?.throwIfAborted();
    const events = endOnAbort(work(), { clock, signal });
    const counted = yield* charge.inEvents(events, publish);
    const summary = budget.inSummary(charge.inSummary(counted));
    const finished = charge.inEvent<FinishedEvent<Summary>>({ type: 'finished', summary });
    publisher.publish(finished);
    yield finished;
    return summary;
  } catch (error) {
    publisher.fail(error, signal);
    throw error;
  } finally {
    publisher.end();
  }
}
