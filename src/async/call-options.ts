/** What every call takes that asks something of a store or a key service. @module */
import { readOptions, requireSignal } from '../guards/guards.js';
import { ownSignal } from './own-signal.js';

/** What every function and method takes that reads from a store, writes to it, or asks a key service. */
export interface CallOptions {
  /**
   * Rejects with its reason as soon as it aborts, also while a store or a key service does not answer.
   * Nothing more is sent then. A write that was sent before may still land, and work that other calls
   * share goes on for them. A run waits up to a second for what it has in flight.
   */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The options' own properties, with a signal that any number of calls may listen to.
 *
 * @param more - Names of options that only this call has, and checks itself.
 * @throws TypeError or RangeError for options that make no sense.
 */
export function ownCallOptions<Options extends CallOptions>(
  options: Options,
  more: readonly (keyof Options & string)[] = [],
): Options {
  const own = readOptions(options, [...more, 'signal']);
  const { signal } = own;
  if (signal === undefined) return own;
  requireSignal('signal', signal);
  return Object.assign(own, { signal: ownSignal(signal) });
}

/**
 * Of a call that takes no other option.
 *
 * @throws TypeError or RangeError for options that make no sense.
 */
export function signalIn(options: CallOptions | undefined): AbortSignal | undefined {
  // Most calls have none, and some are made for each document.
  return options === undefined ? undefined : ownCallOptions(options).signal;
}
