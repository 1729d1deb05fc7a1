/** What all runs have in common, from the first event to the last. @module */
import type { RunContext } from './run-context.js';
import type { ChargedEvent } from '../store/run-charge.js';
import type { FinishedEvent, RunSummary } from './run-event.js';
import type { RunEventLike, RunPublisher } from './run-publisher.js';

/**
 * The events of a run with what each of them cost, published, and its summary as the last of them.
 *
 * @param work - Yields everything but `finished`, and returns the summary without its costs.
 */
export async function* finishRun<Event extends ChargedEvent, Summary extends RunSummary>(
  { charge, budget, signal }: RunContext,
  publisher: RunPublisher,
  work: () => AsyncGenerator<Event, Summary, void>,
): AsyncGenerator<Event | FinishedEvent<Summary>, Summary, void> {
  const publish = (event: Event): void => {
    publisher.publish(event as unknown as RunEventLike);
  };
  try {
    signal?.throwIfAborted();
    const counted = yield* charge.inEvents(work(), publish);
    const summary = budget.inSummary(charge.inSummary(counted));
    const finished = charge.inEvent<FinishedEvent<Summary>>({ type: 'finished', summary });
    publisher.publish(finished);
    yield finished;
    return summary;
  } catch (error) {
    publisher.fail(error, signal);
    throw error;
  } finally {
    publisher.end();
  }
}
