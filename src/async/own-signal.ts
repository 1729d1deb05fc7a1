/** Signals that any number of calls may listen to at once. @module */
import { setMaxListeners } from 'node:events';
import { ownProperties } from '../guards/guards.js';

const ownSignals = new WeakMap<AbortSignal, AbortSignal>();
const sources = new WeakMap<AbortSignal, AbortSignal>();

/**
 * The library's own signal behind one that a caller passed in: it aborts with it, and for the same reason.
 *
 * Node.js warns of a leak at the eleventh listener of a signal. How many calls share a caller's signal is
 * up to the caller, and so is the limit of that signal: so calls listen to this one, which has no limit.
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
  // A signal of `AbortSignal.timeout` never aborts once nothing refers to it.
  if (own !== signal) sources.set(own, signal);
  return own;
}

/** Whose signal others may listen to without limit, such as an SDK that sends a request again. */
export function ownController(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  ownSignals.set(controller.signal, controller.signal);
  return controller;
}

/** How to listen for the one time that a signal aborts, whatever was put on `Object.prototype`. */
export const ONCE: { readonly once: boolean } = ownProperties({ once: true });

function follow(signal: AbortSignal): AbortSignal {
  // Of another implementation, which cannot be followed, and counts listeners in its own way or not at all.
  if (!(signal instanceof AbortSignal)) return signal;
  // Not by a listener: that would stay on the caller's signal after the last call.
  const own = AbortSignal.any([signal]);
  setMaxListeners(0, own);
  return own;
}
