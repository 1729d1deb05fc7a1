/** Figures over time, in a bounded number of points. @module */
import type { ThroughputPoint } from './evidence-schema.js';

export type Figures = Omit<ThroughputPoint, 'atMs'>;

const MOST_POINTS = 300;
const FIRST_INTERVAL_MS = 100;

export class Throughput {
  readonly #figures: () => Figures;
  #points: ThroughputPoint[] = [];
  #intervalMs = FIRST_INTERVAL_MS;

  /** @param figures - Totals so far; asked only when a point is due. */
  constructor(figures: () => Figures) {
    this.#figures = figures;
  }

  /** @param atMs - Since the start; never less than in the last call. */
  note(atMs: number): void {
    const last = this.#points.at(-1);
    if (last !== undefined && atMs - last.atMs < this.#intervalMs) return;
    this.#add(atMs);
    if (this.#points.length < MOST_POINTS) return;
    // Figures are totals: of two neighbours, the later one says what both say.
    this.#points = this.#points.filter((_, at) => at % 2 === 1);
    this.#intervalMs *= 2;
  }

  /** @returns With a last point. */
  end(atMs: number): readonly ThroughputPoint[] {
    if (this.#points.length > 0) this.#add(atMs);
    return this.#points;
  }

  #add(atMs: number): void {
    this.#points.push({ atMs: Math.round(atMs), ...this.#figures() });
  }
}
