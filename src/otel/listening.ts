/** Subscriptions and observations that end together, and whose failures reach no caller. @module */
import { AsyncLocalStorage } from 'node:async_hooks';
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  context,
  diag,
  type BatchObservableCallback,
  type Context,
  type Meter,
  type Observable,
} from '@opentelemetry/api';

/** Enters a context of OpenTelemetry where Node enters a store: with any context manager. */
class ContextStore extends AsyncLocalStorage<Context> {
  override run<R, Args extends unknown[]>(
    entered: Context,
    callback: (...args: Args) => R,
    ...args: Args
  ): R {
    return context.with(entered, callback, undefined, ...args);
  }
}

export class Listening {
  readonly #endings: (() => void)[] = [];

  /** Listens to a channel until it is stopped. */
  to<Message>(name: string, listen: (message: Message) => void): void {
    const listener = (message: unknown): void => {
      // Not by "attempt": a closure for each message would cost more than some listeners.
      try {
        listen(message as Message);
      } catch (error) {
        report(error);
      }
    };
    subscribe(name, listener);
    this.onStop(() => unsubscribe(name, listener));
  }

  /** Runs what is published at the start of a call in the context that `enter` returns. */
  around<Message>(name: string, enter: (message: Message) => Context): void {
    const start = channel(name);
    const store = new ContextStore();
    const entered = (message: unknown): Context =>
      attempt(() => enter(message as Message)) ?? context.active();
    start.bindStore(store, entered);
    this.onStop(() => start.unbindStore(store));
  }

  /** Answers each collection of metrics until it is stopped. */
  observe(meter: Meter, observables: Observable[], callback: BatchObservableCallback): void {
    const observing: BatchObservableCallback = async (results) => {
      try {
        await callback(results);
      } catch (error) {
        report(error);
      }
    };
    meter.addBatchObservableCallback(observing, observables);
    this.onStop(() => {
      meter.removeBatchObservableCallback(observing, observables);
    });
  }

  onStop(end: () => unknown): void {
    this.#endings.push(() => void attempt(end));
  }

  stop(): void {
    for (const end of this.#endings.splice(0)) end();
  }
}

/** Node ends the process where a subscriber throws. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    report(error);
    return undefined;
  }
}

/** The name alone: the message of an SDK may quote what it was passed. */
function report(error: unknown): void {
  const name = error instanceof Error ? error.name : typeof error;
  diag.error(`@bytelyst/field-encrypt/otel lost a measurement: ${name}`);
}
