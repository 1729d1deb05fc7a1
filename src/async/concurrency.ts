/** Runs a task for each item, with a bounded number in flight. @module */
import { ownProperties } from '../guards/guards.js';

export interface MapConcurrentlyOptions {
  readonly concurrency: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Returns results in order. The first failure stops further starts, and rejects when no task is in flight.
 */
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

/** A concurrency that changes. */
export interface WorkLimit {
  /** Read before each start; where it falls, tasks in flight continue. */
  readonly limit: number;
  /** The caller stopped: tasks that only wait to continue should give up. */
  abandon(): void;
}

export interface SettleConcurrentlyOptions extends Pick<MapConcurrentlyOptions, 'signal'> {
  readonly concurrency: number | WorkLimit;
}

/**
 * Yields results as they arrive. A task starts only while fewer than `concurrency` are in flight or have an
 * unread result, so a caller that stops reading misses no more than that many.
 *
 * The first failure, an abort or a caller that stops prevents further starts; in-flight tasks finish first.
 */
export async function* settleConcurrently<T, R>(
  items: Iterable<T>,
  task: (item: T) => Promise<R>,
  { concurrency, signal }: SettleConcurrentlyOptions,
): AsyncGenerator<R, void, void> {
  const work = typeof concurrency === 'number' ? fixed(concurrency) : concurrency;
  const queue = items[Symbol.iterator]();
  const settled: R[] = [];
  let running = 0;
  let failure: { readonly error: unknown } | undefined;
  let ended = (): void => undefined;

  const run = async (item: T): Promise<void> => {
    running += 1;
    try {
      settled.push(await task(item));
    } catch (error) {
      failure ??= { error };
    }
    running -= 1;
    ended();
  };
  const oneEnded = (): Promise<void> => new Promise((resolve) => (ended = resolve));
  const startMore = (): void => {
    if (signal?.aborted) failure ??= { error: signal.reason };
    while (!failure && running + settled.length < work.limit) {
      const next = queue.next();
      if (next.done) return;
      void run(next.value);
    }
  };

  try {
    startMore();
    while (running > 0 || settled.length > 0) {
      if (settled.length === 0) await oneEnded();
      else yield settled.shift() as R;
      startMore();
    }
    if (failure) throw failure.error;
  } finally {
    if (running > 0) work.abandon();
    while (running > 0) await oneEnded();
  }
}

function fixed(limit: number): WorkLimit {
  return { limit, abandon: () => undefined };
}
