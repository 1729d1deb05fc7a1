/** Looks at the events of a run on their way to what drives it. @module */

/** @param look - Called with each event, before it is passed on. */
export async function* tapped<Event, Summary>(
  events: AsyncGenerator<Event, Summary, void>,
  look: (event: Event) => void,
): AsyncGenerator<Event, Summary, void> {
  for (;;) {
    const { done, value } = await events.next();
    if (done) return value;
    look(value);
    yield value;
  }
}
