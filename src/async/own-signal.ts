/** Signals that any number of calls may listen to at once. @module */
import { setMaxListeners } from 'node:events';
import { ownProperties } from '../guards/guards.js';

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
