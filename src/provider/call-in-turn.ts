/** Makes a call of a key service in its turn, and again where the service throttled it. @module */
import { KeyProviderError } from '../errors/errors.js';
import type { KeyProviderOptions } from './key-provider.js';
import type { Pass } from './vault-throttle.js';

/** Decides when a call is made. */
export interface Pacer {
  /** Waits for the turn of a call; {@link Pacer.leave} ends it. */
  enter(): Promise<Pass>;
  /** Waits for the turn of another attempt of it. */
  turn(): Promise<Pass>;
  leave(): void;
  served(pass: Pass): void;
  throttle(pass: Pass, retryAfterMs: number | undefined): void;
}

/** @param mostAttempts - Of a call that is throttled. */
export async function callInTurn<T>(
  pacer: Pacer,
  mostAttempts: number,
  work: (pacing: KeyProviderOptions) => Promise<T>,
): Promise<T> {
  for (let attempts = 1; ; attempts += 1) {
    let pass = await pacer.enter();
    let refusal: unknown;
    const beforeRetry = async (): Promise<void> => {
      try {
        pass = await pacer.turn();
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
      pacer.throttle(pass, error.retryAfterMs);
      if (attempts >= mostAttempts) throw error;
    } finally {
      pacer.leave();
    }
  }
}

function isThrottling(error: unknown): error is KeyProviderError {
  return error instanceof KeyProviderError && error.code === 'KEY_PROVIDER_THROTTLED';
}
