/** Publishes the events of a run on its diagnostics channel. @module */
import { channel } from 'node:diagnostics_channel';
import { diagnosticsChannels } from '../diagnostics/diagnostics-channels.js';
import { errorCodeOf } from '../diagnostics/traced-call.js';
import { isLeft } from './run-counter.js';
import type { ItemOutcome, RunCounts } from './run-event.js';
import type {
  PublishedFailedEvent,
  PublishedFinishedEvent,
  PublishedRunEvent,
  PublishedStepEvent,
  RunMessage,
  RunStoppedEvent,
} from './run-message.js';

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
