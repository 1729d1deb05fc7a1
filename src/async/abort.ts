/** Signals and deadlines of calls, and work that concurrent calls share. @module */
import { setMaxListeners } from 'node:events';
import { ownProperties, readOptions, requireSignal } from '../guards/guards.js';
import { systemClock } from './clock.js';

const ownSignals = new WeakMap<AbortSignal, AbortSignal>();
const sources = new WeakMap<AbortSignal, AbortSignal>();

/**
 * Returns the library's own signal for one that a caller passed in. It aborts with that signal, for the same
 * reason.
 *
 * Node.js warns of a leak at the eleventh listener of a signal. The caller decides how many calls share its
 * signal, and owns that signal's limit. So calls listen to this signal, which has no limit.
 */
export function ownSignal(signal: AbortSignal): AbortSignal;
export function ownSignal(signal: AbortSignal | undefined): AbortSignal | undefined;
export function ownSignal(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (!signal) return undefined;
  const known = ownSignals.get(signal);
  if (known) return known;
  const own = follow(signal);
  ownSignals.set(signal, own);
  ownSignals.set(own, own);
  // A signal of `AbortSignal.timeout` that is no longer referenced never aborts.
  if (own !== signal) sources.set(own, signal);
  return own;
}

/**
 * Returns a controller whose signal has no limit of listeners, for example for an SDK that retries requests.
 */
export function ownController(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  ownSignals.set(controller.signal, controller.signal);
  return controller;
}

/** Options for a listener that runs once, whatever is on `Object.prototype`. */
export const ONCE: { readonly once: boolean } = ownProperties({ once: true });

function follow(signal: AbortSignal): AbortSignal {
  // A signal of another implementation cannot be followed. It counts listeners in its own way, or not at all.
  if (!(signal instanceof AbortSignal)) return signal;
  // No listener: it would stay on the caller's signal after the last call.
  const own = AbortSignal.any([signal]);
  setMaxListeners(0, own);
  return own;
}

/** Settles as `work` does, or rejects with the signal's reason as soon as it aborts. */
export function untilAborted<T>(work: Promise<T>, given: AbortSignal | undefined): Promise<T> {
  if (!given) return work;
  const signal = ownSignal(given);
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the caller's own
      reject(signal.reason);
    };
    signal.addEventListener('abort', stop, ONCE);
    if (signal.aborted) stop();
    const settled = work.finally(() => {
      signal.removeEventListener('abort', stop);
    });
    settled.then(resolve, reject);
  });
}

/** The same for work that does not begin where the signal has already aborted. */
export function unlessAborted<T>(
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  return signal ? begin(signal, work) : work();
}

async function begin<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  return untilAborted(work(), signal);
}

/**
 * Settles as `work` does; rejects with the signal's reason as soon as it aborts, and with a `TimeoutError`
 * after `durationMs`. In both cases the signal that `work` received aborts.
 *
 * This uses real time, even where a test injects a clock: the network does too.
 */
export async function withDeadline<T>(
  work: (signal: AbortSignal) => Promise<T>,
  durationMs: number,
  given?: AbortSignal,
): Promise<T> {
  const signal = ownSignal(given);
  signal?.throwIfAborted();
  const [deadline, done] = [ownController(), ownController()];
  const stop = (): void => {
    deadline.abort(signal?.reason);
  };
  signal?.addEventListener('abort', stop, ONCE);
  systemClock.sleep(durationMs, done.signal).then(
    () => {
      deadline.abort(new DOMException('The deadline has passed', 'TimeoutError'));
    },
    () => undefined,
  );
  try {
    return await untilAborted(work(deadline.signal), deadline.signal);
  } finally {
    done.abort();
    signal?.removeEventListener('abort', stop);
  }
}

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

interface Flight<T> {
  promise?: Promise<T>;
}

/** @typeParam K - Compared as the keys of a `Map` are. */
export class SingleFlight<T, K = string> {
  readonly #flights = new Map<K, Flight<T>>();

  /**
   * Returns the in-flight work for the key, or starts new work.
   *
   * @param keep - Called with the outcome, unless the work was superseded in the meantime.
   */
  async run(key: K, work: () => Promise<T>, keep: (value: T) => void = ignore): Promise<T> {
    const flight = this.#flights.get(key) ?? this.#start(key, work, keep);
    return flight.promise as Promise<T>;
  }

  isUnderWay(key: K): boolean {
    return this.#flights.has(key);
  }

  /** The in-flight work for the key is stale: no new caller joins it, and its outcome is not kept. */
  supersede(key: K): void {
    this.#flights.delete(key);
  }

  supersedeAll(): void {
    this.#flights.clear();
  }

  #start(key: K, work: () => Promise<T>, keep: (value: T) => void): Flight<T> {
    const flight: Flight<T> = {};
    this.#flights.set(key, flight);
    flight.promise = this.#fly(key, flight, work, keep);
    return flight;
  }

  async #fly(
    key: K,
    flight: Flight<T>,
    work: () => Promise<T>,
    keep: (value: T) => void,
  ): Promise<T> {
    try {
      const value = await work();
      if (this.#flights.get(key) === flight) keep(value);
      return value;
    } finally {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    }
  }
}

function ignore(): void {
  // Nothing to keep.
}
