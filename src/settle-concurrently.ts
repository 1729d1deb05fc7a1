/** Runs a task for each item, so many at a time, at the pace of whoever takes the results. @module */
import type { MapConcurrentlyOptions } from './map-concurrently.js';

/**
 * Results as they come. A task begins only while fewer than `concurrency` run or wait to be taken,
 * so that a caller who stops taking them misses no more than that.
 *
 * The first failure, an abort or a caller who leaves stops further starts; what runs is let finish.
 */
export async function* settleConcurrently<T, R>(
  items: Iterable<T>,
  task: (item: T) => Promise<R>,
  { concurrency, signal }: MapConcurrentlyOptions,
): AsyncGenerator<R, void, void> {
  const queue = items[Symbol.iterator]();
  const running = new Set<Promise<void>>();
  const settled: R[] = [];
  let failure: { readonly error: unknown } | undefined;

  const run = async (item: T): Promise<void> => {
    try {
      settled.push(await task(item));
    } catch (error) {
      failure ??= { error };
    }
  };
  const startMore = (): void => {
    if (signal?.aborted) failure ??= { error: signal.reason };
    while (!failure && running.size + settled.length < concurrency) {
      const next = queue.next();
      if (next.done) return;
      const work: Promise<void> = run(next.value).finally(() => running.delete(work));
      running.add(work);
    }
  };

  try {
    startMore();
    while (running.size > 0 || settled.length > 0) {
      if (settled.length === 0) await Promise.race(running);
      else yield settled.shift() as R;
      startMore();
    }
    if (failure) throw failure.error;
  } finally {
    await Promise.all(running);
  }
}
