/** Lets concurrent callers for one key share one piece of work. @module */

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
