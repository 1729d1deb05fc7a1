/** The queue of all calls of a process to one key provider, let through at a rate. @module */
import { ownController, untilAborted } from '../async/abort.js';
import { KeyProviderError } from '../errors/errors.js';
import {
  VaultThrottle,
  type CallKind,
  type Pacer,
  type Pass,
  type VaultThrottleOptions,
} from './vault-throttle.js';

interface CallQueueOptions extends Omit<VaultThrottleOptions, 'concurrency'> {
  readonly callsPerSecond: number;
  /** Most waiting calls of live traffic. */
  readonly maxQueued: number;
}

interface Waiting {
  readonly go: (pass: Pass) => void;
  readonly fail: (error: unknown) => void;
}

export class CallQueue implements Pacer {
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

  constructor({ maxQueued, ...options }: CallQueueOptions) {
    this.#throttle = new VaultThrottle({ ...options, concurrency: 1 });
    this.#callsPerSecond = options.callsPerSecond;
    this.#maxQueued = maxQueued;
  }

  enter(signal: AbortSignal | undefined, kind: CallKind): Promise<Pass> {
    return this.turn(signal, kind);
  }

  leave(): void {
    // Any number of calls may be in flight.
  }

  /**
   * Waits until the call may be made.
   *
   * @throws The signal's reason, and the call waits no longer. KeyProviderError `KEY_PROVIDER_THROTTLED`
   *   where too many calls wait, or the service accepts no call for longer than any caller waits.
   */
  async turn(signal: AbortSignal | undefined, kind: CallKind): Promise<Pass> {
    signal?.throwIfAborted();
    const line = this.#lines[kind];
    if (kind === 'traffic' && line.size >= this.#maxQueued) throw this.#full();
    const waiting = {} as Waiting;
    const called = new Promise<Pass>((go, fail) => {
      line.add(Object.assign(waiting, { go, fail }));
    });
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

  throttle(pass: Pass, retryAfterMs: number | undefined): number {
    return this.#throttle.throttle(pass, retryAfterMs);
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
