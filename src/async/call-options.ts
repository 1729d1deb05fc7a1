/** The options of every call that uses a store or a key service. @module */
import { readOptions, requireSignal } from '../guards/guards.js';
import { ownSignal } from './own-signal.js';

/** The options of every function and method that reads from a store, writes to it, or calls a key service. */
export interface CallOptions {
  /**
   * Rejects with its reason as soon as it aborts, even while a store or a key service does not answer.
   * Nothing more is sent then. A write that was sent before may still land, and work that is shared with
   * other calls continues for them. A run waits up to a second for its in-flight work.
   */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Returns the options' own properties, with a signal that any number of calls may listen to.
 *
 * @param more - Names of options that only this call has, and validates itself.
 * @throws TypeError or RangeError for invalid options.
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
 * Returns the signal of a call that has no other option.
 *
 * @throws TypeError or RangeError for invalid options.
 */
export function signalIn(options: CallOptions | undefined): AbortSignal | undefined {
  // Most calls have none, and some calls are made for each document.
  return options === undefined ? undefined : ownCallOptions(options).signal;
}
