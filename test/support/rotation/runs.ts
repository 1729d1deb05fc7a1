import fc from 'fast-check';
import { isSlow } from '../lane.js';
import type { Tally } from './tally.js';

/** For properties whose every run is a whole rotation, or several: a part of the usual runs. */
export function partOfRuns(part: number): { readonly numRuns: number } {
  const { numRuns = 100 } = fc.readConfigureGlobal();
  return { numRuns: Math.ceil(numRuns * part) };
}

/** One property for each way in which a race can meet, so that none is left to chance. */
export async function forEachWay<Way>(
  ways: readonly Way[],
  property: (way: Way) => fc.IAsyncProperty<unknown>,
  part: number,
): Promise<void> {
  for (const way of ways) await fc.assert(property(way), partOfRuns(part));
}

/** Whether all that a property is to meet was met; the few runs of the fast lane need not meet it. */
export function requireAllMet(tally: Tally): void {
  if (isSlow) tally.requireAll();
}
