/** How many DEKs each MEK version has wrapped over time, in bounded memory. @module */

/** Milliseconds since 1970, then the rows of each version, in the order of `versions`. */
export type Point = readonly [at: number, ...rows: number[]];

interface Kept {
  readonly revision: number;
  readonly point: Point;
}

const MOST_POINTS = 720;
const MOST_VERSIONS = 16;

export class RowHistory {
  /** Only grows: a version that has no rows any more keeps its place. */
  readonly versions: string[] = [];
  #kept: Kept[] = [];

  /** @param revision - Of the state that is about to be published with it. */
  add(at: number, rows: ReadonlyMap<string, number>, revision: number): void {
    for (const version of rows.keys()) {
      const isNew = !this.versions.includes(version);
      if (isNew && this.versions.length < MOST_VERSIONS) this.versions.push(version);
    }
    const counts = this.versions.map((version) => rows.get(version) ?? 0);
    this.#kept.push({ revision, point: [at, ...counts] });
    // The whole time stays in view, in less detail: every second point of the older ones goes.
    if (this.#kept.length > MOST_POINTS) {
      const newest = this.#kept.length - 60;
      this.#kept = this.#kept.filter((_, index) => index >= newest || index % 2 === 0);
    }
  }

  /** Those of later revisions; all without one. */
  pointsAfter(revision = -1): readonly Point[] {
    return this.#kept.filter((each) => each.revision > revision).map(({ point }) => point);
  }
}
