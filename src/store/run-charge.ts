/** Adds up what the requests of a run cost, and says so in its events. @module */
/** What every event of a run may say of its price. */
export interface ChargedEvent {
  /**
   * Request units that the run spent since the event before, on everything that was in flight: the events’
   * charges add up to the summary’s. Absent where the store reported none.
   */
  readonly requestCharge?: number;
}

export class RunCharge {
  #total: number | undefined;
  #sinceEvent: number | undefined;

  readonly add = (units: number): void => {
    // A wrong report would spoil the sum, and must not fail the request that it is about.
    if (!Number.isFinite(units) || units < 0) return;
    this.#total = (this.#total ?? 0) + units;
    this.#sinceEvent = (this.#sinceEvent ?? 0) + units;
  };

  /** Of the run so far; `undefined` where the store reported none. */
  get total(): number | undefined {
    return this.#total;
  }

  /** @param publish - Called with each event and its charge, before it is yielded. */
  async *inEvents<Event extends ChargedEvent, Summary>(
    events: AsyncIterator<Event, Summary, void>,
    publish?: (event: Event) => void,
  ): AsyncGenerator<Event, Summary, void> {
    let step = await events.next();
    try {
      for (; !step.done; step = await events.next()) {
        const event = this.inEvent(step.value);
        publish?.(event);
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
