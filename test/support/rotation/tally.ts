import { ok } from 'node:assert/strict';

/** Counts what schedules brought about, so that a race that never happens is not taken for a proof. */
export class Tally {
  readonly #counts = new Map<string, number>();

  add(name: string, happened: boolean | number): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + Number(happened));
  }

  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  /** What was counted elsewhere. */
  addAll(counts: Readonly<Record<string, number>>): void {
    for (const [name, count] of Object.entries(counts)) this.add(name, count);
  }

  /** @throws AssertionError naming what never occurred. */
  requireAll(): void {
    for (const [name, count] of this.#counts) ok(count > 0, `It never happened: ${name}`);
  }

  /** A line for each, by name. */
  toLines(): string {
    const sorted = [...this.#counts].sort(([one], [other]) => one.localeCompare(other));
    return sorted.map(([name, count]) => `${String(count).padStart(8)} ${name}`).join('\n');
  }

  toString(): string {
    return JSON.stringify(Object.fromEntries(this.#counts));
  }
}
