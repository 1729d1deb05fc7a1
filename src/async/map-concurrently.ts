/** Runs a task for each item, so many at a time. @module */
import { ownProperties } from '../guards/guards.js';

export interface MapConcurrentlyOptions {
  readonly concurrency: number;
  readonly signal?: AbortSignal | undefined;
}

/** Results in order. The first failure stops further starts and rejects when nothing runs any more. */
export async function mapConcurrently<T, R>(
  items: readonly T[],
  task: (item: T) => Promise<R>,
  options: MapConcurrentlyOptions,
): Promise<R[]> {
  const { concurrency, signal } = ownProperties(options);
  const results = new Array<R>(items.length);
  const queue = items.entries();
  let failed = false;
  const work = async (): Promise<void> => {
    for (const [index, item] of queue) {
      if (failed) return;
      try {
        signal?.throwIfAborted();
        results[index] = await task(item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const workers = Array.from({ length: Math.min(concurrency, items.length) }, work);
  const outcomes = await Promise.allSettled(workers);
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure) throw failure.reason;
  return results;
}
