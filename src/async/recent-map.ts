/** Remembers recently used entries cheaply: two maps alternate, and nothing is reordered. @module */

export class RecentMap<V> {
  readonly #round: number;
  #current = new Map<string, V>();
  #earlier = new Map<string, V>();

  /** Holds at least the last `round` entries used, and at most twice as many. */
  constructor(round: number) {
    this.#round = round;
  }

  getOrMake(key: string, make: () => V): V {
    const known = this.#current.get(key);
    if (known !== undefined) return known;
    const value = this.#earlier.get(key) ?? make();
    if (this.#current.size >= this.#round) {
      this.#earlier = this.#current;
      this.#current = new Map();
    }
    this.#current.set(key, value);
    return value;
  }
}
