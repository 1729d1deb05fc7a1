/** Adds up what the requests of a run cost, and says so in its events. @module */
import type { ChargedEvent } from './charged-event.js';

export class RunCharge {
  #total: number | undefined;
  #sinceEvent: number | undefined;

  add(units: number): void {
    // A wrong report would spoil the sum, and must not fail the request that it is about.
    if (!Number.isFinite(units) || units < 0) return;
    this.#total = (this.#total ?? 0) + units;
    this.#sinceEvent = (this.#sinceEvent ?? 0) + units;
  }

  /** Of the run so far; `undefined` where the store reported none. */
  get total(): number | undefined {
    return this.#total;
  }

  /** @param tell - Whom to tell of each event, with its charge, before it is yielded. */
  async *inEvents<Event extends ChargedEvent, Summary>(
    events: AsyncIterator<Event, Summary, void>,
    tell?: (event: Event) => void,
  ): AsyncGenerator<Event, Summary, void> {
    let step = await events.next();
    try {
      for (; !step.done; step = await events.next()) {
        const event = this.inEvent(step.value);
        tell?.(event);
        yield event;
      }
      return step.value;
    } finally {
      if (!step.done) await events.return?.();
    }
  }

  inEvent<Event extends ChargedEvent>(event: Event): Event {
    const requestCharge = this.#sinceEvent;
    if (requestCharge === undefined) return event;
    this.#sinceEvent = undefined;
    return { ...event, requestCharge };
  }

  inSummary<Summary extends ChargedEvent>(summary: Summary): Summary {
    const requestCharge = this.#total;
    return requestCharge === undefined ? summary : { ...summary, requestCharge };
  }
}
