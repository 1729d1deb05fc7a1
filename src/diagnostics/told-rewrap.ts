/** Tells of a rewrap on its channel, event by event. @module */
import { channel } from 'node:diagnostics_channel';
import { isLeft } from '../rotation/rewrap-counter.js';
import type { RewrapEvent } from '../rotation/rewrap-event.js';
import { diagnosticsChannels } from './diagnostics-channels.js';
import type { RewrapMessage, RewrapStoppedEvent } from './rewrap-message.js';
import { errorCodeOf } from './traced-call.js';

const rewrap = channel(diagnosticsChannels.rewrap);
let runs = 0;

/** One run, from its start on; to be told of each of its events, of its failure and of its end. */
export class ToldRewrap {
  readonly #source: Pick<RewrapMessage, 'dryRun' | 'product' | 'run' | 'target'>;
  #isOver = false;
  #pass = 0;
  #total: number | undefined;
  #left: number | undefined;
  #leftOfPass = 0;

  constructor(source: Pick<RewrapMessage, 'dryRun' | 'product' | 'target'>) {
    runs += 1;
    this.#source = { run: runs, ...source };
    this.#publish({ type: 'started' });
  }

  readonly tell = (event: RewrapEvent): void => {
    // Counted whether or not anybody listens: whoever comes in the middle is told what is left.
    this.#count(event);
    if (rewrap.hasSubscribers) this.#publish(toldEvent(event));
  };

  fail(error: unknown, signal: AbortSignal | undefined): void {
    this.#stop({ errorCode: errorCodeOf(error, signal) });
  }

  /** Where the run has neither finished nor failed, its caller left. */
  end(): void {
    this.#stop({});
  }

  #stop(why: Pick<RewrapStoppedEvent, 'errorCode'>): void {
    if (!this.#isOver) this.#publish({ type: 'stopped', ...why });
    this.#isOver = true;
  }

  #publish(event: RewrapMessage['event']): void {
    if (!rewrap.hasSubscribers) return;
    const [total, left] = [this.#total, this.#left];
    const progress = total === undefined || left === undefined ? {} : { total, left };
    const { target, ...source } = this.#source;
    const message: RewrapMessage = { ...source, target: { ...target }, ...progress, event };
    rewrap.publish(message);
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
        this.#isOver = true;
        return;
      default:
        if (isLeft(event)) this.#leftOfPass += 1;
        if (this.#pass > 1) return;
        this.#left = Math.max(0, (this.#total ?? 0) - event.counts.scanned) + this.#leftOfPass;
    }
  }
}

/** A copy: what a subscriber does to it must not reach the caller. Of a failure, no more than is named. */
function toldEvent(event: RewrapEvent): RewrapMessage['event'] {
  if (event.type !== 'failed') return structuredClone(event);
  const { type, dekId, error, requestCharge } = event;
  return {
    ...{ type, dekId, errorCode: errorCodeOf(error), counts: { ...event.counts } },
    ...(requestCharge !== undefined && { requestCharge }),
  };
}
