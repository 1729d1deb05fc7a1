/** Stops waiting for shared work without stopping the work. @module */
import { ONCE, ownSignal } from './own-signal.js';

/** Settles as `work` does, or rejects with the signal's reason as soon as it aborts. */
export function untilAborted<T>(work: Promise<T>, given: AbortSignal | undefined): Promise<T> {
  if (!given) return work;
  const signal = ownSignal(given);
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the caller's own
      reject(signal.reason);
    };
    signal.addEventListener('abort', stop, ONCE);
    if (signal.aborted) stop();
    const settled = work.finally(() => {
      signal.removeEventListener('abort', stop);
    });
    settled.then(resolve, reject);
  });
}

/** The same for work that does not begin where the signal has aborted already. */
export function unlessAborted<T>(
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  return signal ? begin(signal, work) : work();
}

async function begin<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  return untilAborted(work(), signal);
}
