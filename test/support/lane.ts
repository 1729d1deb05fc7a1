/** The lane of this run: `SLOW=1` repeats more, and runs whole programs. @module */
export const isSlow: boolean = process.env['SLOW'] === '1';

/** How often something is repeated, or which cases are tried, in the lane of this run. */
export function perLane<T>(fast: T, slow: T): T {
  return isSlow ? slow : fast;
}
