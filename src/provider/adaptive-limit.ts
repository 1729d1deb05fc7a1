/** Limits concurrent calls: one more for each round that succeeds, half as many after trouble. @module */

export class AdaptiveLimit {
  readonly #ceiling: number;
  #limit: number;

  /** Begins at the ceiling, which the caller chose, until a service throttles. */
  constructor(ceiling: number) {
    this.#ceiling = ceiling;
    this.#limit = ceiling;
  }

  get now(): number {
    return Math.floor(this.#limit);
  }

  raise(): void {
    this.#limit = Math.min(this.#ceiling, this.#limit + 1 / this.#limit);
  }

  cut(): void {
    this.#limit = Math.max(1, this.#limit / 2);
  }
}
