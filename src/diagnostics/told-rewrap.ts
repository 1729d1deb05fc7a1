/** Tells of a rewrap on its channel, event by event. @module */
import { channel } from 'node:diagnostics_channel';
import { isLeft } from '../rotation/rewrap-counter.js';
import type { RewrapEvent, RewrapSummary } from '../rotation/rewrap-event.js';
import type { CallErrorCode } from './call-message.js';
import { diagnosticsChannels } from './diagnostics-channels.js';
import type { RewrapMessage } from './rewrap-message.js';
import { errorCodeOf } from './traced-call.js';

type Source = Pick<RewrapMessage, 'dryRun' | 'product' | 'target'>;
type RewrapEvents = AsyncGenerator<RewrapEvent, RewrapSummary, void>;

const rewrap = channel(diagnosticsChannels.rewrap);
let runs = 0;

/** Yields what it is given, and tells of it before that. */
export async function* toldRewrap(
  source: Source,
  events: RewrapEvents,
  signal: AbortSignal | undefined,
): RewrapEvents {
  const run = new ToldRun(source);
  let step: IteratorResult<RewrapEvent, RewrapSummary> | undefined;
  let errorCode: CallErrorCode | undefined;
  try {
    run.tell({ type: 'started' });
    for (step = await events.next(); !step.done; step = await events.next()) {
      run.tellOf(step.value);
      yield step.value;
    }
    return step.value;
  } catch (error) {
    errorCode = errorCodeOf(error, signal);
    throw error;
  } finally {
    try {
      // Where the caller left, what is under way is let finish first.
      if (!step?.done) await events.return(undefined as never);
    } finally {
      run.end(errorCode);
    }
  }
}

class ToldRun {
  readonly #source: Source & Pick<RewrapMessage, 'run'>;
  #isFinished = false;
  #pass = 0;
  #total: number | undefined;
  #left: number | undefined;
  #leftOfPass = 0;

  constructor(source: Source) {
    runs += 1;
    this.#source = { run: runs, ...source };
  }

  tellOf(event: RewrapEvent): void {
    this.#count(event);
    if (!rewrap.hasSubscribers) return;
    if (event.type !== 'failed') {
      // A copy: what a subscriber does to it must not reach the caller.
      this.tell(structuredClone(event));
      return;
    }
    const { error, ...others } = event;
    this.tell({ ...structuredClone(others), errorCode: errorCodeOf(error) });
  }

  tell(event: RewrapMessage['event']): void {
    if (!rewrap.hasSubscribers) return;
    const [total, left] = [this.#total, this.#left];
    const progress = total === undefined || left === undefined ? {} : { total, left };
    const { target, ...source } = this.#source;
    const message: RewrapMessage = { ...source, target: { ...target }, ...progress, event };
    rewrap.publish(message);
  }

  end(errorCode: CallErrorCode | undefined): void {
    if (this.#isFinished) return;
    this.tell({ type: 'stopped', ...(errorCode !== undefined && { errorCode }) });
  }

  #count(event: RewrapEvent): void {
    switch (event.type) {
      case 'begun':
      case 'fence':
        return;
      case 'pass':
        this.#pass = event.pass;
        this.#total = event.total;
        this.#left ??= event.total;
        this.#leftOfPass = 0;
        return;
      case 'passed':
        this.#left = this.#leftOfPass;
        return;
      case 'finished':
        this.#isFinished = true;
        return;
      default:
        if (isLeft(event)) this.#leftOfPass += 1;
        if (this.#pass > 1) return;
        this.#left = Math.max(0, (this.#total ?? 0) - event.counts.scanned) + this.#leftOfPass;
    }
  }
}
