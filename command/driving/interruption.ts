/** Stopping the command: once to finish what is in flight, twice to stop at once. @module */

/** The reason of the signal that every call gets. */
export class Interruption extends Error {
  override readonly name = 'Interruption';

  constructor(cause: string) {
    super(`Stopped by ${cause}`);
  }
}

interface Signals {
  on(name: 'SIGINT' | 'SIGTERM', listener: (signal: string) => void): unknown;
  off(name: 'SIGINT' | 'SIGTERM', listener: (signal: string) => void): unknown;
}

export interface Stopping {
  readonly signal: AbortSignal;
  /** Stops as a signal of the system does. */
  readonly stop: (cause: string) => void;
  /** The mode is over. Signals are the system's again, unless one came: the process ends by its exit code then. */
  readonly end: () => void;
}

/**
 * @param onFirst - Says that the command stops.
 * @param onSecond - Ends the process.
 */
export function stopOnSignals(
  signals: Signals,
  { onFirst, onSecond }: { readonly onFirst: () => void; readonly onSecond: () => void },
): Stopping {
  const controller = new AbortController();
  const stop = (cause: string): void => {
    if (controller.signal.aborted) onSecond();
    else {
      controller.abort(new Interruption(cause));
      onFirst();
    }
  };
  signals.on('SIGINT', stop);
  signals.on('SIGTERM', stop);
  return {
    signal: controller.signal,
    stop: (cause) => {
      if (!controller.signal.aborted) stop(cause);
    },
    end: () => {
      if (controller.signal.aborted) return;
      signals.off('SIGINT', stop);
      signals.off('SIGTERM', stop);
    },
  };
}
