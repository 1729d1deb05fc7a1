/** Keeps the calls of a process to one key provider within a rate. @module */
import { systemClock, type Clock } from '../async/clock.js';
import { readOptions, requireIntegerBetween } from '../guards/guards.js';
import { CallQueue } from './call-queue.js';
import type { KeyProvider } from './key-provider.js';
import { inTurnOf, pacedProvider, requireOpsPerSecond, type InTurn } from './vault-throttle.js';

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

/** @throws TypeError or RangeError for invalid options. */
export function requireOpsLimit({ maxOpsPerSecond, maxQueued }: OpsLimitOptions): void {
  if (maxQueued !== undefined) requireIntegerBetween('maxQueued', maxQueued, 1, 1_000_000);
  if (maxOpsPerSecond !== undefined) requireOpsPerSecond('maxOpsPerSecond', maxOpsPerSecond);
  else if (maxQueued !== undefined) {
    throw new RangeError('"maxQueued" limits the queue of "maxOpsPerSecond": pass that as well');
  }
}

interface CallLimits {
  readonly clock: Clock;
  /** Attempts of a throttled call. */
  readonly maxAttempts: number;
  /** The longest pause that is waited for. */
  readonly maxRetryDelayMs: number;
}

/**
 * For one provider, shared by everything in the process that uses it; without a rate, each call is made at once.
 *
 * @param limit - A limit that `requireOpsLimit` accepts.
 */
export function limitedCalls(
  { maxOpsPerSecond: callsPerSecond, maxQueued = 1_000 }: OpsLimitOptions,
  { clock, maxAttempts, maxRetryDelayMs: mostPauseMs }: CallLimits,
): InTurn {
  if (callsPerSecond === undefined) return (_mek, _options, work) => work({});
  return inTurnOf(new CallQueue({ clock, callsPerSecond, maxQueued, mostPauseMs }), maxAttempts);
}

export interface LimitKeyProviderOptions extends OpsLimitOptions {
  readonly maxOpsPerSecond: number;
  /** The source of time for waits. @default systemClock */
  readonly clock?: Clock;
}

/**
 * Returns the same provider, with calls that wait in a queue so that all of them together keep within a rate.
 *
 * For a key service with a quota whose provider has no such option; `AkvKeyProvider` has its own. Share the
 * returned provider among everything in the process that uses the key service. Calls that the provider names
 * in `localCalls` do not wait. Where the service still throttles, every call waits as long as it asks, up to
 * 30 s, and is tried at most five times.
 *
 * @throws TypeError or RangeError for invalid options. `wrapKey` and `unwrapKey` reject with KeyProviderError
 *   `KEY_PROVIDER_THROTTLED` where `maxQueued` calls are already waiting: try again later.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import { EnvKeyProvider } from '@bytelyst/field-encrypt';
 * import { limitKeyProvider } from '@bytelyst/field-encrypt/adapters';
 *
 * const provider = new EnvKeyProvider({ key: randomBytes(32).toString('base64') }); // or one of your own
 * const limited = limitKeyProvider(provider, { maxOpsPerSecond: 200, maxQueued: 5_000 });
 * console.log(limited.id); // "env"
 * ```
 */
export function limitKeyProvider(
  provider: KeyProvider,
  options: LimitKeyProviderOptions,
): KeyProvider {
  const own = readOptions(options, [...OPS_LIMIT_OPTIONS, 'clock']);
  requireOpsLimit(own);
  const { clock = systemClock } = own;
  const inTurn = limitedCalls(own, { clock, maxAttempts: 5, maxRetryDelayMs: 30_000 });
  return pacedProvider(provider, inTurn);
}
