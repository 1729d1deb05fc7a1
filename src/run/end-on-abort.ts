/** Ends a run whose signal aborted, also while a store or a key service does not answer. @module */
import type { Clock } from '../async/clock.js';
import { ONCE, ownController } from '../async/own-signal.js';

/** For what is in flight when the signal aborts: rows that were written are still reported. */
const GRACE_MS = 1_000;

interface AbortOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

/**
 * The same events. Where a step has not ended one second after the signal aborted, it rejects with the
 * signal's reason, and what is in flight ends by itself.
 */
export function endOnAbort<Event, Result>(
  events: AsyncGenerator<Event, Result, void>,
  { clock, signal }: AbortOptions,
): AsyncIterator<Event, Result, void> {
  if (!signal) return events;
  let isGivenUp = false;
  const wait = <T>(step: Promise<T>): Promise<T> =>
    untilGivenUp(step, { clock, signal }, () => {
      isGivenUp = true;
    });
  const leave = (): Promise<IteratorResult<Event, Result>> => events.return(undefined as Result);
  return {
    next: () => wait(events.next()),
    return: async () => {
      const left = leave();
      // It waits for the step that does not end.
      if (!isGivenUp) return wait(left);
      left.catch(() => undefined);
      return { done: true, value: undefined as Result };
    },
  };
}

function untilGivenUp<T>(
  step: Promise<T>,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
  giveUp: () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = ownController();
    const stop = (): void => {
      clock.sleep(GRACE_MS, ended.signal).then(
        () => {
          giveUp();
          // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the caller's own
          reject(signal.reason);
        },
        () => undefined,
      );
    };
    signal.addEventListener('abort', stop, ONCE);
    if (signal.aborted) stop();
    const settled = step.finally(() => {
      signal.removeEventListener('abort', stop);
      ended.abort();
    });
    settled.then(resolve, reject);
  });
}
