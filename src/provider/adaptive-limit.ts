/** How many calls may be under way at once: a worker more for each round that goes well, half on trouble. @module */

export class AdaptiveLimit {
  readonly #ceiling: number;
  #limit: number;

  /** Begins at the ceiling: whoever chose it means it, until a service says otherwise. */
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
