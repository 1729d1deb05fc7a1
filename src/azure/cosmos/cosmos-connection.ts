/** Sends requests through the SDK: each limited in time and reported, and reads retried. @module */
import type { Container } from '@azure/cosmos';
import { systemClock, type Clock } from '../../async/clock.js';
import { withDeadline } from '../../async/abort.js';
import { requireIntegerBetween } from '../../guards/guards.js';
import type { DekStoreOptions } from '../../store/dek-store.js';
import { CosmosFailure, failureOf } from './cosmos-failure.js';
import {
  describeRequest,
  type CosmosAnswer,
  type CosmosOperation,
  type CosmosRequest,
} from './cosmos-request.js';

/** The call options of `DekStore` and `DocumentStore`. */
export type CallOptions = DekStoreOptions;

type Send<Answer> = (signal: AbortSignal) => Promise<Answer>;

export const MOST_ATTEMPTS = 5;
const LAST_START_MS = 30_000;
const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 5_000;
const LEAST_REFUSAL = 400;

export class CosmosConnection {
  readonly container: Container;
  readonly clock: Clock;
  readonly #attemptTimeoutMs: number;
  readonly #onRequest: CosmosStoreOptions['onRequest'];

  /** @param options - As `readOptions` returned them. */
  constructor(
    container: Container,
    { clock = systemClock, attemptTimeoutMs = 60_000, onRequest }: CosmosStoreOptions,
  ) {
    requireIntegerBetween('attemptTimeoutMs', attemptTimeoutMs, 100, 600_000);
    this.container = container;
    this.clock = clock;
    this.#attemptTimeoutMs = attemptTimeoutMs;
    this.#onRequest = onRequest;
  }

  /** @throws CosmosFailure, or the reason of the caller's signal. */
  async attempt<Answer extends CosmosAnswer>(
    operation: CosmosOperation,
    send: Send<Answer>,
    options: CallOptions,
  ): Promise<Answer> {
    const { signal } = options;
    try {
      // The SDK checks the signal while it sends, not while it waits before a retry.
      const answer = await withDeadline(send, this.#attemptTimeoutMs, signal);
      if ((answer.statusCode ?? 0) >= LEAST_REFUSAL) throw refusalIn(answer);
      this.#report(operation, answer, options);
      return answer;
    } catch (error) {
      signal?.throwIfAborted();
      const failure = failureOf(error);
      this.#report(operation, failure, options);
      throw failure;
    }
  }

  /** For requests that may be sent any number of times. */
  async persist<Answer extends CosmosAnswer>(
    operation: CosmosOperation,
    send: Send<Answer>,
    options: CallOptions,
  ): Promise<Answer> {
    const isLate = this.patience();
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.attempt(operation, send, options);
      } catch (error) {
        if (!(error instanceof CosmosFailure && error.isPassing)) throw error;
        if (attempt === MOST_ATTEMPTS || isLate()) throw error;
      }
      await this.backOff(attempt, options.signal);
    }
  }

  /** @returns A function that says whether a call that begins now has taken too long for another attempt. */
  patience(): () => boolean {
    const startedMs = this.clock.monotonicMs();
    return () => this.clock.monotonicMs() - startedMs >= LAST_START_MS;
  }

  /** @param attempt - The number of the failed attempt, from 1 on. */
  backOff(attempt: number, signal: AbortSignal | undefined): Promise<void> {
    const delayMs = Math.min(FIRST_DELAY_MS * 2 ** (attempt - 1), LONGEST_DELAY_MS);
    return this.clock.sleep(delayMs * (0.5 + this.clock.jitter()), signal);
  }

  #report(
    operation: CosmosOperation,
    outcome: CosmosAnswer | CosmosFailure,
    { onRequestCharge }: CallOptions,
  ): void {
    const request = describeRequest(operation, this.container.id, outcome);
    const { requestCharge } = request;
    // A failure of the caller's callback must not turn a successful write into a failed one.
    ignoringErrors(() => this.#onRequest?.(request));
    if (requestCharge !== undefined) ignoringErrors(() => onRequestCharge?.(requestCharge));
  }
}

/** For a read of an absent item the SDK returns the 404 as an answer, with getters as its properties. */
function refusalIn(answer: CosmosAnswer): CosmosFailure {
  const { statusCode: status, substatus, requestCharge, activityId } = answer;
  return new CosmosFailure({ status, substatus, requestCharge, activityId });
}

function ignoringErrors(watch: () => void): void {
  try {
    watch();
  } catch {
    // There is no caller to report it to.
  }
}

/** @internal */
export const COSMOS_STORE_OPTIONS: readonly (keyof CosmosStoreOptions)[] = [
  'clock',
  'attemptTimeoutMs',
  'onRequest',
];

export interface CosmosStoreOptions {
  /** Times the waits between attempts. @default systemClock */
  readonly clock?: Clock | undefined;
  /**
   * For how many milliseconds one attempt may take, including the SDK's own retries and waits: from 100 to
   * 600 000. A call makes at most five attempts, and starts none after half a minute. @default 60000
   */
  readonly attemptTimeoutMs?: number | undefined;
  /**
   * Called for every request once it was answered or given up, for logs and dashboards. The SDK's own retries
   * are part of one request. Anything that the callback throws is ignored.
   */
  readonly onRequest?: ((request: CosmosRequest) => void) | undefined;
}
