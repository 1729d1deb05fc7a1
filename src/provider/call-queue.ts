/** Queues the calls of a process to one key service, and limits their rate. @module */
import type { Clock } from '../async/clock.js';
import { ownController, untilAborted } from '../async/abort.js';
import { KeyProviderError } from '../errors/errors.js';
import { VaultThrottle, type Pass } from './vault-throttle.js';

export interface CallQueueOptions {
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
      const nap = ownController();
      this.#sleeper = nap;
      try {
        const pass = await this.#throttle.turn(nap.signal);
        this.#next()?.go(pass);
      } catch (error) {
        if (!nap.signal.aborted) this.#failAll(error);
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
