/** Throttles calls of a key service, and makes each in its turn. @module */
import { ownController, untilAborted } from '../async/abort.js';
import type { Clock } from '../async/clock.js';
import type { WorkLimit } from '../async/concurrency.js';
import { retryChannel, type RetryMessage } from '../diagnostics/diagnostics-channels.js';
import { KeyProviderError } from '../errors/errors.js';
import { ownProperties, requireNumber } from '../guards/guards.js';
import type { KeyOperation, KeyProvider, KeyProviderOptions } from './key-provider.js';

const MOST_OPS_PER_SECOND = 1_000_000;

/** @throws TypeError or RangeError for a rate that no limit may have. */
export function requireOpsPerSecond(name: string, rate: unknown): asserts rate is number {
  const range = `a number above 0 and up to ${String(MOST_OPS_PER_SECOND)}`;
  requireNumber(name, rate, range, (value) => value > 0 && value <= MOST_OPS_PER_SECOND);
}

/** Limits the calls in flight: to fewer once a service throttles, and step by step to the ceiling again. */
class AdaptiveSemaphore {
  readonly #ceiling: number;
  #limit: number;
  #taken = 0;
  #waiting: (() => void)[] = [];

  constructor(ceiling: number) {
    this.#ceiling = ceiling;
    this.#limit = ceiling;
  }

  get limit(): number {
    return Math.floor(this.#limit);
  }

  /** @throws The signal's reason; no place is taken then. */
  async take(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    while (this.#taken >= this.limit) await untilAborted(this.#change(), signal);
    this.#taken += 1;
  }

  release(): void {
    this.#taken -= 1;
    const woken = this.#waiting;
    this.#waiting = [];
    for (const wake of woken) wake();
  }

  raise(): void {
    this.#limit = Math.min(this.#ceiling, this.#limit + 1 / this.#limit);
  }

  cut(): void {
    this.#limit = Math.max(1, this.#limit / 2);
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }
}

/** Idle time beyond this is lost: no burst follows a lull. */
const MOST_SAVED_MS = 100;
/**
 * The usable share of the rate. Even with saved idle time, and with calls that the network delays and then
 * delivers together, no ten seconds contain more calls than ten seconds of the whole rate.
 */
const USABLE_SHARE = 0.98;
const LEAST_FACTOR = 1 / 16;
/** Seconds at the whole rate until trouble is forgotten. */
const RECOVERY_S = 20;

class RateLimiter {
  readonly callsPerSecond: number;
  #factor = 1;
  #nextMs: number;
  #madeMs = -Infinity;

  constructor(mostPerSecond: number, nowMs: number) {
    this.callsPerSecond = mostPerSecond * USABLE_SHARE;
    this.#nextMs = nowMs;
  }

  /** Returns when the next call may be made; no two callers get the same time. */
  reserve(nowMs: number): number {
    const atMs = Math.max(this.#nextMs, nowMs - MOST_SAVED_MS);
    this.#nextMs = atMs + this.#intervalMs;
    return Math.max(atMs, nowMs);
  }

  /** The call was made: a restart does not undo it. */
  made(nowMs: number): void {
    this.#madeMs = nowMs;
  }

  /**
   * Forgets reservations and saved time: waiting callers reserve again, after the last call that was made.
   */
  restartAt(startMs: number): void {
    this.#nextMs = Math.max(startMs, this.#madeMs + this.#intervalMs);
  }

  cut(): void {
    this.#factor = Math.max(LEAST_FACTOR, this.#factor / 2);
  }

  raise(): void {
    this.#factor = Math.min(1, this.#factor + 1 / (this.callsPerSecond * RECOVERY_S));
  }

  get #intervalMs(): number {
    return 1_000 / (this.callsPerSecond * this.#factor);
  }
}

/** The kinds of waiting calls: retries go first, and runs, which leave room for others, go last. */
export type CallKind = 'retry' | 'traffic' | 'run';

/** The number of pauses that had occurred when a call's turn came. */
export type Pass = number;

/** Decides when a call is made. */
export interface Pacer {
  /** Waits for the turn of a call; {@link Pacer.leave} ends it. */
  enter(signal: AbortSignal | undefined, kind: CallKind): Promise<Pass>;
  /** Waits for the turn of another attempt of it. */
  turn(signal: AbortSignal | undefined, kind: CallKind): Promise<Pass>;
  leave(): void;
  served(pass: Pass): void;
  /** @returns How long no call starts, in ms. */
  throttle(pass: Pass, retryAfterMs: number | undefined): number;
}

export interface VaultThrottleOptions {
  readonly clock: Clock;
  /** The most calls in flight while nothing is throttled. */
  readonly concurrency: number;
  /** `undefined` for no limit of the rate. */
  readonly callsPerSecond: number | undefined;
  /** A longer pause is not waited for: calls are refused here until it is over. @default 600 000 */
  readonly mostPauseMs?: number;
}

const FIRST_PAUSE_MS = 1_000;
const MOST_GUESSED_PAUSE_MS = 16_000;
const MOST_PAUSE_MS = 600_000;
/** Node's timers allow 24 days at most. */
const MOST_SLEEP_MS = 3_600_000;
const SPREAD = 0.25;

export class VaultThrottle implements Pacer, WorkLimit {
  readonly #clock: Clock;
  readonly #mostPauseMs: number;
  readonly #semaphore: AdaptiveSemaphore;
  readonly #rateLimiter: RateLimiter | undefined;
  #resumeAtMs = -Infinity;
  #pauses: Pass = 0;
  /** Pauses since the last call that succeeded. */
  #streak = 0;
  #calls = 0;
  #throttled = 0;
  /** Wakes each waiting call. */
  readonly #sleepers = new Set<AbortController>();
  #isClosed = false;

  constructor({ clock, concurrency, callsPerSecond, mostPauseMs }: VaultThrottleOptions) {
    this.#clock = clock;
    this.#mostPauseMs = mostPauseMs ?? MOST_PAUSE_MS;
    this.#semaphore = new AdaptiveSemaphore(concurrency);
    this.#rateLimiter =
      callsPerSecond === undefined
        ? undefined
        : new RateLimiter(callsPerSecond, clock.monotonicMs());
  }

  /** How many calls may be in flight now: falls when a service throttles. */
  get limit(): number {
    return this.#semaphore.limit;
  }

  /** The highest average rate; `undefined` where the rate is not limited. */
  get callsPerSecond(): number | undefined {
    return this.#rateLimiter?.callsPerSecond;
  }

  /** Calls that were let through. */
  get calls(): number {
    return this.#calls;
  }

  /** The calls among them that the service throttled. */
  get throttled(): number {
    return this.#throttled;
  }

  /** Waits for a place among the calls in flight, and for a turn: {@link leave} releases the place. */
  async enter(signal: AbortSignal | undefined): Promise<Pass> {
    await this.#semaphore.take(signal);
    try {
      return await this.turn(signal);
    } catch (error) {
      this.#semaphore.release();
      throw error;
    }
  }

  leave(): void {
    this.#semaphore.release();
  }

  /**
   * Waits until no pause is in effect and the rate allows another request.
   *
   * @throws KeyProviderError `KEY_PROVIDER_THROTTLED` where a pause is too long to wait for.
   */
  async turn(signal: AbortSignal | undefined): Promise<Pass> {
    for (;;) {
      signal?.throwIfAborted();
      if (this.#isClosed) throw closed();
      const pauses = this.#pauses;
      const startMs = Math.max(this.#clock.monotonicMs(), this.#resumeAtMs);
      this.#requireShortPause();
      await this.#sleepUntil(this.#rateLimiter?.reserve(startMs) ?? startMs, signal);
      // A pause that began meanwhile applies to every call.
      if (pauses !== this.#pauses) continue;
      this.#calls += 1;
      this.#rateLimiter?.made(this.#clock.monotonicMs());
      return pauses;
    }
  }

  /** Ends the wait of calls for a turn or a pause, now and later; calls that were sent already complete. */
  abandon(): void {
    this.#isClosed = true;
    for (const sleeper of this.#sleepers) sleeper.abort(closed());
  }

  /** A call succeeded. */
  served(pass: Pass): void {
    // It may have been sent before the throttling began.
    if (pass !== this.#pauses) return;
    this.#streak = 0;
    this.#semaphore.raise();
    this.#rateLimiter?.raise();
  }

  /** A call was throttled: no other call starts until the pause is over. */
  throttle(pass: Pass, retryAfterMs: number | undefined): number {
    this.#throttled += 1;
    const askedMs = retryAfterMs !== undefined && retryAfterMs > 0 ? retryAfterMs : undefined;
    // Of calls in flight together, the first one starts the pause; later ones can only extend it.
    const isFirst = pass === this.#pauses;
    if (isFirst) {
      this.#streak += 1;
      this.#semaphore.cut();
      this.#rateLimiter?.cut();
    }
    const pauseMs = askedMs ?? (isFirst ? this.#guessedPauseMs() : 0);
    const nowMs = this.#clock.monotonicMs();
    this.#pauseUntil(nowMs + pauseMs);
    return this.#resumeAtMs - nowMs;
  }

  #pauseUntil(resumeAtMs: number): void {
    if (resumeAtMs <= this.#resumeAtMs) return;
    this.#resumeAtMs = resumeAtMs;
    this.#pauses += 1;
    this.#rateLimiter?.restartAt(resumeAtMs);
  }

  #guessedPauseMs(): number {
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (this.#streak - 1), MOST_GUESSED_PAUSE_MS);
    return Math.min(pauseMs * (1 + SPREAD * this.#clock.jitter()), this.#mostPauseMs);
  }

  #requireShortPause(): void {
    const retryAfterMs = Math.ceil(this.#resumeAtMs - this.#clock.monotonicMs());
    if (retryAfterMs <= this.#mostPauseMs) return;
    throw new KeyProviderError(
      'KEY_PROVIDER_THROTTLED',
      `The key service was not called: it is throttling, and accepts no request for ${String(retryAfterMs)} ms; run again after that`,
      { retryable: true, retryAfterMs },
    );
  }

  /** Uses monotonic time alone: a wall clock that jumps ahead must not shorten a wait. */
  async #sleepUntil(atMs: number, signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      const restMs = atMs - this.#clock.monotonicMs();
      if (restMs <= 0) return;
      await this.#sleep(Math.min(restMs, MOST_SLEEP_MS), signal);
    }
  }

  async #sleep(durationMs: number, signal: AbortSignal | undefined): Promise<void> {
    const sleeper = ownController();
    this.#sleepers.add(sleeper);
    try {
      await untilAborted(this.#clock.sleep(durationMs, sleeper.signal), signal);
    } finally {
      this.#sleepers.delete(sleeper);
      sleeper.abort();
    }
  }
}

function closed(): Error {
  return new Error('The run has ended: its caller stopped it');
}

/** Makes a call of a key service in its turn. @param mek - Whose call it is. */
export type InTurn = <T>(
  mek: Pick<RetryMessage, 'keyProvider' | 'mekName'>,
  options: KeyProviderOptions,
  work: (pacing: KeyProviderOptions) => Promise<T>,
) => Promise<T>;

/** @param mostAttempts - Of a call that is throttled. */
export function inTurnOf(pacer: Pacer, mostAttempts: number): InTurn {
  return async (mek, { signal, beforeRetry: askCaller }, work) => {
    // A caller that paces its own calls retries throttled ones itself.
    const most = askCaller ? 1 : mostAttempts;
    const again = askCaller ? 'run' : 'retry';
    for (let attempts = 1; ; attempts += 1) {
      let pass = await pacer.enter(signal, attempts === 1 && !askCaller ? 'traffic' : again);
      let refusal: unknown;
      const beforeRetry = async (): Promise<void> => {
        try {
          await askCaller?.();
          pass = await pacer.turn(signal, again);
        } catch (error) {
          refusal = error;
          throw error;
        }
      };
      try {
        const answer = await work({ beforeRetry });
        pacer.served(pass);
        return answer;
      } catch (error) {
        // The pacer itself rejected the call; no service refused it.
        if (error === refusal || !isThrottling(error)) throw error;
        const delayMs = pacer.throttle(pass, error.retryAfterMs);
        if (attempts >= most) throw error;
        if (retryChannel.hasSubscribers) {
          const message = { ...mek, errorCode: error.code, attempts, delayMs };
          retryChannel.publish(message satisfies RetryMessage);
        }
      } finally {
        pacer.leave();
      }
    }
  };
}

function isThrottling(error: unknown): error is KeyProviderError {
  return error instanceof KeyProviderError && error.code === 'KEY_PROVIDER_THROTTLED';
}

/** Returns the same provider, whose calls of a key service are made in their turn. */
export function pacedProvider(provider: KeyProvider, inTurn: InTurn): KeyProvider {
  const { id, mekName, wrapAlgorithm, localCalls = [], localMeks = [] } = provider;
  const perform = <T, Options extends KeyProviderOptions>(
    operation: KeyOperation,
    given: Options,
    call: (options: Options) => Promise<T>,
  ): Promise<T> => {
    const own = ownProperties(given);
    if (localCalls.includes(operation)) return call(own);
    const mek = { keyProvider: id, mekName };
    return inTurn(mek, own, (pacing) => call({ ...own, ...pacing }));
  };
  return {
    ...{ id, mekName, wrapAlgorithm, localCalls, localMeks },
    currentVersion: (options) => provider.currentVersion(options),
    wrapKey: (dek, options) => perform('wrapKey', options, (own) => provider.wrapKey(dek, own)),
    unwrapKey: (wrap, options = {}) =>
      perform('unwrapKey', options, (own) => provider.unwrapKey(wrap, own)),
    async documentedOpsPerSecond(options) {
      ownProperties(options).signal?.throwIfAborted();
      return provider.documentedOpsPerSecond?.(options);
    },
  };
}
