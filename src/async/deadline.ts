/** Limits how long work on the network may take. @module */
import { systemClock } from './clock.js';
import { ONCE, ownController, ownSignal } from './own-signal.js';
import { untilAborted } from './until-aborted.js';

/**
 * Settles as `work` does; rejects with the signal's reason as soon as it aborts, and with a `TimeoutError`
 * after `durationMs`. In both cases the signal that `work` received aborts.
 *
 * This uses real time, even where a test injects a clock: the network does too.
 */
export async function withDeadline<T>(
  work: (signal: AbortSignal) => Promise<T>,
  durationMs: number,
  given?: AbortSignal,
): Promise<T> {
  const signal = ownSignal(given);
  signal?.throwIfAborted();
  const [deadline, done] = [ownController(), ownController()];
  const stop = (): void => {
    deadline.abort(signal?.reason);
  };
  signal?.addEventListener('abort', stop, ONCE);
  systemClock.sleep(durationMs, done.signal).then(
    () => {
      deadline.abort(new DOMException('The deadline has passed', 'TimeoutError'));
    },
    () => undefined,
  );
  try {
    return await untilAborted(work(deadline.signal), deadline.signal);
  } finally {
    done.abort();
    signal?.removeEventListener('abort', stop);
  }
}
