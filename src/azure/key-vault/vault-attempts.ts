/** Tries a call on a key vault again where that may help, and gives up in time. @module */
import type { Clock } from '../../async/clock.js';
import { retryChannel, type RetryMessage } from '../../diagnostics/retry-message.js';
import { KeyProviderError } from '../../errors/errors.js';
import type { KeyProviderOptions } from '../../provider/key-provider.js';

export interface AttemptLimits {
  /** Of the provider, with the name of its MEK: for whoever watches. */
  readonly id: string;
  readonly mekName: string;
  readonly clock: Clock;
  readonly maxAttempts: number;
  /** A longer `Retry-After` is not waited for: the caller is told it instead. */
  readonly maxRetryDelayMs: number;
}

const FIRST_DELAY_MS = 250;
// Key Vault asks for 1, 2, 4, 8 and 16 s, and often sends no Retry-After.
const FIRST_THROTTLED_DELAY_MS = 1_000;
const SPREAD = 0.25;

/** @param attempt - Rejects with a {@link KeyProviderError} only, unless it was aborted. */
export async function attemptRepeatedly<T>(
  attempt: () => Promise<T>,
  limits: AttemptLimits,
  { signal, beforeRetry }: KeyProviderOptions,
): Promise<T> {
  const { clock, maxAttempts, maxRetryDelayMs } = limits;
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof KeyProviderError) || !error.retryable) throw error;
      // Whoever paces the calls has all of them wait, and not just this one.
      if (beforeRetry && error.code === 'KEY_PROVIDER_THROTTLED') throw error;
      const delayMs =
        error.retryAfterMs ?? Math.min(backoffMs(error, attempts, clock), maxRetryDelayMs);
      if (attempts >= maxAttempts || delayMs > maxRetryDelayMs) throw error;
      if (retryChannel.hasSubscribers) tellOfRetry(limits, error, { attempts, delayMs });
      await clock.sleep(delayMs, signal);
      await beforeRetry?.();
    }
  }
}

function tellOfRetry(
  { id: keyProvider, mekName }: AttemptLimits,
  { code: errorCode }: KeyProviderError,
  attempt: Pick<RetryMessage, 'attempts' | 'delayMs'>,
): void {
  retryChannel.publish({ keyProvider, mekName, errorCode, ...attempt } satisfies RetryMessage);
}

function backoffMs({ code }: KeyProviderError, attempts: number, clock: Clock): number {
  const firstMs = code === 'KEY_PROVIDER_THROTTLED' ? FIRST_THROTTLED_DELAY_MS : FIRST_DELAY_MS;
  return firstMs * 2 ** (attempts - 1) * (1 + SPREAD * clock.jitter());
}
