/** A rate limit for all calls of a process to one key provider. @module */
import type { Clock } from '../async/clock.js';
import { requireIntegerBetween, requireNumber } from '../guards/guards.js';
import { callInTurn, type Pacer } from './call-in-turn.js';
import { CallQueue, type CallKind } from './call-queue.js';
import type { KeyProviderOptions } from './key-provider.js';

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
