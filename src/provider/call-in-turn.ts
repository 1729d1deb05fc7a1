/** Makes a call of a key service in its turn, and again where the service throttled it. @module */
import { KeyProviderError } from '../errors/errors.js';
import { ownProperties } from '../guards/guards.js';
import type { KeyOperation, KeyProvider, KeyProviderOptions } from './key-provider.js';

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
  throttle(pass: Pass, retryAfterMs: number | undefined): void;
}

/** Makes a call of a key service in its turn. */
export type InTurn = <T>(
  options: KeyProviderOptions,
  work: (pacing: KeyProviderOptions) => Promise<T>,
) => Promise<T>;

/** @param mostAttempts - Of a call that is throttled. */
export function inTurnOf(pacer: Pacer, mostAttempts: number): InTurn {
  return async ({ signal, beforeRetry: askCaller }, work) => {
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
        pacer.throttle(pass, error.retryAfterMs);
        if (attempts >= most) throw error;
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
    return inTurn(own, (pacing) => call({ ...own, ...pacing }));
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
