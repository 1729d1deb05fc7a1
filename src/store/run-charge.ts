/** What the requests of a run cost, by event and in all. @module */
/** The charge that every event of a run may carry. */
export interface ChargedEvent {
  /**
   * Request units that the run spent since the previous event, on everything in flight: the charges of all
   * events add up to that of the summary. Absent where the store reported none.
   */
  readonly requestCharge?: number;
}

export class RunCharge {
  #total: number | undefined;
  #sinceEvent: number | undefined;

  readonly add = (units: number): void => {
    // A wrong report would falsify the sum, and must not fail the request that it belongs to.
    if (!Number.isFinite(units) || units < 0) return;
    this.#total = (this.#total ?? 0) + units;
    this.#sinceEvent = (this.#sinceEvent ?? 0) + units;
  };

  /** The charge of the run so far; `undefined` where the store reported none. */
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
