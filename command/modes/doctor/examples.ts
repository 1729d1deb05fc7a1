/** The first examples of what was found: counts stay exact. @module */

export const MOST_EXAMPLES = 10;

export class Examples<Example> {
  readonly list: Example[] = [];

  add(example: Example): void {
    if (this.list.length < MOST_EXAMPLES) this.list.push(example);
  }
}

interface Step<Summary> {
  readonly type: string;
  readonly summary?: Summary;
}

/** Runs a search to its end. @returns Its summary. */
export async function searched<Event extends Step<unknown>, Summary>(
  events: AsyncGenerator<Event, Summary, void>,
  look: (event: Event) => void,
): Promise<Summary> {
  for (;;) {
    const { done, value } = await events.next();
    if (done) return value;
    look(value);
  }
}
