/** Adds up what the requests of a run cost, and says so in its events. @module */
import type { RewrapEvent, RewrapSummary } from './rewrap-event.js';

type RewrapEvents = AsyncGenerator<RewrapEvent, RewrapSummary, void>;

export class RunCharge {
  #total: number | undefined;
  #sinceEvent: number | undefined;

  add(units: number): void {
    // A wrong report would spoil the sum, and must not fail the request that it is about.
    if (!Number.isFinite(units) || units < 0) return;
    this.#total = (this.#total ?? 0) + units;
    this.#sinceEvent = (this.#sinceEvent ?? 0) + units;
  }

  async *inEvents(events: AsyncIterator<RewrapEvent, RewrapSummary, void>): RewrapEvents {
    let step = await events.next();
    try {
      for (; !step.done; step = await events.next()) yield this.inEvent(step.value);
      return step.value;
    } finally {
      if (!step.done) await events.return?.();
    }
  }

  inEvent(event: RewrapEvent): RewrapEvent {
    const requestCharge = this.#sinceEvent;
    if (requestCharge === undefined) return event;
    this.#sinceEvent = undefined;
    return { ...event, requestCharge };
  }

  inSummary(summary: RewrapSummary): RewrapSummary {
    const requestCharge = this.#total;
    return requestCharge === undefined ? summary : { ...summary, requestCharge };
  }
}
