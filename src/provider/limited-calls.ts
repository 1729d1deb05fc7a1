/** A rate limit for all calls of a process to one key provider. @module */
import { ownController, untilAborted } from '../async/abort.js';
import type { Clock } from '../async/clock.js';
import { KeyProviderError } from '../errors/errors.js';
import { requireIntegerBetween, requireNumber } from '../guards/guards.js';
import { callInTurn, type Pacer } from './call-in-turn.js';
import type { KeyProviderOptions } from './key-provider.js';
import { VaultThrottle, type Pass } from './vault-throttle.js';

interface CallQueueOptions {
  readonly clock: Clock;
  readonly callsPerSecond: number;
  /** Most waiting calls of live traffic. */
  readonly maxQueued: number;
  /** The longest pause that is waited for. */
  readonly mostPauseMs: number;
}

/** The kinds of waiting calls: retries go first, and runs, which leave room for others, go last. */
export type CallKind = 'retry' | 'traffic' | 'run';

interface Waiting {
  readonly go: (pass: Pass) => void;
  readonly fail: (error: unknown) => void;
}

export class CallQueue {
  readonly #throttle: VaultThrottle;
  readonly #callsPerSecond: number;
  readonly #maxQueued: number;
  /** In the order in which they are served. */
  readonly #lines: Readonly<Record<CallKind, Set<Waiting>>> = {
    retry: new Set(),
    traffic: new Set(),
    run: new Set(),
  };
  #isServing = false;
  #sleeper: AbortController | undefined;

  constructor({ clock, callsPerSecond, maxQueued, mostPauseMs }: CallQueueOptions) {
    this.#throttle = new VaultThrottle({ clock, concurrency: 1, callsPerSecond, mostPauseMs });
    this.#callsPerSecond = callsPerSecond;
    this.#maxQueued = maxQueued;
  }

  /**
   * Waits until the call may be made.
   *
   * @throws The signal's reason, and the call waits no longer. KeyProviderError `KEY_PROVIDER_THROTTLED`
   *   where too many calls wait, or the service accepts no call for longer than any caller waits.
   */
  async turn(kind: CallKind, signal: AbortSignal | undefined): Promise<Pass> {
    signal?.throwIfAborted();
    const line = this.#lines[kind];
    if (kind === 'traffic' && line.size >= this.#maxQueued) throw this.#full();
    const { waiting, called } = newWaiting();
    line.add(waiting);
    void this.#serve();
    try {
      return await untilAborted(called, signal);
    } finally {
      line.delete(waiting);
      // No waiting call is left to sleep for.
      if (this.#queued === 0) this.#sleeper?.abort();
    }
  }

  served(pass: Pass): void {
    this.#throttle.served(pass);
  }

  throttle(pass: Pass, retryAfterMs: number | undefined): void {
    this.#throttle.throttle(pass, retryAfterMs);
  }

  get #queued(): number {
    const { retry, traffic, run } = this.#lines;
    return retry.size + traffic.size + run.size;
  }

  async #serve(): Promise<void> {
    if (this.#isServing) return;
    this.#isServing = true;
    while (this.#queued > 0) {
      const sleeper = ownController();
      this.#sleeper = sleeper;
      try {
        const pass = await this.#throttle.turn(sleeper.signal);
        this.#next()?.go(pass);
      } catch (error) {
        if (!sleeper.signal.aborted) this.#failAll(error);
      }
    }
    this.#isServing = false;
  }

  #next(): Waiting | undefined {
    for (const line of Object.values(this.#lines)) {
      const [next] = line;
      if (!next) continue;
      line.delete(next);
      return next;
    }
    return undefined;
  }

  #failAll(error: unknown): void {
    for (let next = this.#next(); next; next = this.#next()) next.fail(error);
  }

  #full(): KeyProviderError {
    const retryAfterMs = Math.ceil((1_000 * this.#maxQueued) / this.#callsPerSecond);
    return new KeyProviderError(
      'KEY_PROVIDER_THROTTLED',
      `The key service was not called: ${String(this.#maxQueued)} calls of this process are waiting for it, the most that "maxQueued" allows; try again later, or raise "maxOpsPerSecond" if the service allows more`,
      { retryable: true, retryAfterMs },
    );
  }
}

function newWaiting(): { readonly waiting: Waiting; readonly called: Promise<Pass> } {
  let settle: Waiting | undefined;
  const called = new Promise<Pass>((resolve, reject) => {
    settle = { go: resolve, fail: reject };
  });
  return { waiting: settle as unknown as Waiting, called };
}

/** For a key provider that uses a key service with a quota. */
export interface OpsLimitOptions {
  /**
   * Operations per second of this process on the key service through this provider, averaged over ten
   * seconds, above 0 and up to 1 000 000: the quota of the vault, divided by the processes that share it.
   * Calls are spread evenly, and wait in a queue. Live traffic and runs share the rate, and live traffic has
   * priority.
   *
   * @default none: calls do not wait
   */
  readonly maxOpsPerSecond?: number;
  /**
   * Most waiting calls of live traffic, 1 to 1 000 000. A further one is refused at once with
   * `KEY_PROVIDER_THROTTLED`, `retryable`. Needs `maxOpsPerSecond`. @default 1 000
   */
  readonly maxQueued?: number;
}

export const OPS_LIMIT_OPTIONS: readonly (keyof OpsLimitOptions)[] = [
  'maxOpsPerSecond',
  'maxQueued',
];

interface CallLimits {
  readonly clock: Clock;
  /** Attempts of a throttled call. */
  readonly maxAttempts: number;
  /** The longest pause that is waited for. */
  readonly maxRetryDelayMs: number;
}

const DEFAULT_MAX_QUEUED = 1_000;
const MOST_QUEUED = 1_000_000;
const MOST_OPS_PER_SECOND = 1_000_000;

/** @throws TypeError or RangeError for invalid options. */
export function requireOpsLimit({ maxOpsPerSecond, maxQueued }: OpsLimitOptions): void {
  if (maxQueued !== undefined) requireIntegerBetween('maxQueued', maxQueued, 1, MOST_QUEUED);
  if (maxOpsPerSecond === undefined) {
    if (maxQueued === undefined) return;
    throw new RangeError('"maxQueued" limits the queue of "maxOpsPerSecond": pass that as well');
  }
  requireNumber(
    'maxOpsPerSecond',
    maxOpsPerSecond,
    `a number above 0 and up to ${String(MOST_OPS_PER_SECOND)}`,
    (value) => value > 0 && value <= MOST_OPS_PER_SECOND,
  );
}

/** For one provider, shared by everything in the process that uses it. */
export class LimitedCalls {
  readonly #queue: CallQueue | undefined;
  readonly #maxAttempts: number;

  /** @param limit - A limit that `requireOpsLimit` accepts. */
  constructor(
    { maxOpsPerSecond, maxQueued = DEFAULT_MAX_QUEUED }: OpsLimitOptions,
    { clock, maxAttempts, maxRetryDelayMs: mostPauseMs }: CallLimits,
  ) {
    this.#maxAttempts = maxAttempts;
    this.#queue =
      maxOpsPerSecond === undefined
        ? undefined
        : new CallQueue({ clock, callsPerSecond: maxOpsPerSecond, maxQueued, mostPauseMs });
  }

  /** Makes the call in its turn; without a rate, at once. */
  inTurn<T>(
    options: KeyProviderOptions,
    work: (pacing: KeyProviderOptions) => Promise<T>,
  ): Promise<T> {
    if (!this.#queue) return work({});
    // A run paces its own calls, and retries throttled ones itself.
    const mostAttempts = options.beforeRetry ? 1 : this.#maxAttempts;
    return callInTurn(pacerOf(this.#queue, options), mostAttempts, work);
  }
}

function pacerOf(queue: CallQueue, { signal, beforeRetry }: KeyProviderOptions): Pacer {
  let kind: CallKind = beforeRetry ? 'run' : 'traffic';
  const turn = async (): Promise<number> => {
    const own = kind;
    kind = beforeRetry ? 'run' : 'retry';
    return queue.turn(own, signal);
  };
  return {
    enter: turn,
    turn: async () => {
      await beforeRetry?.();
      return turn();
    },
    leave: () => undefined,
    served: (pass) => {
      queue.served(pass);
    },
    throttle: (pass, retryAfterMs) => {
      queue.throttle(pass, retryAfterMs);
    },
  };
}
