/** The lane of this run: `SLOW=1` repeats more, and runs whole programs. @module */
export const isSlow: boolean = process.env['SLOW'] === '1';

let isRepetition = false;

/** From now on, in this file of tests: what is run once more is not repeated as often again. */
export function repeatAsInFastLane(): void {
  isRepetition = true;
}

/** How often something is repeated, or which cases are tried, in the lane of this run. */
export function perLane<T>(fast: T, slow: T): T {
  return isSlow && !isRepetition ? slow : fast;
}

/** In the fast lane the first of them alone, or as many as `count` says; in the slow lane all. */
export function someOf<T>(cases: readonly T[], count = 1): readonly T[] {
  return perLane(cases.slice(0, count), cases);
}
