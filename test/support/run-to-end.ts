import type { Setup } from './encryptor.js';
import { pull } from './rotations.js';

export interface Run<Event, Summary> {
  readonly events: readonly Event[];
  readonly summary: Summary;
}

/** Runs it to its end, and gives the events without the fence. */
export async function runToEnd<Event extends { readonly type: string }, Summary>(
  work: AsyncGenerator<Event, Summary, void>,
  clock: Setup['clock'],
): Promise<Run<Event, Summary>> {
  const events: Event[] = [];
  for (;;) {
    const { done, value } = await pull(work, clock);
    if (done) return { events, summary: value };
    if (value.type !== 'fence') events.push(value);
  }
}
