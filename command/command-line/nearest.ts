/** Suggests the name that was meant. @module */
import { closest, distance } from 'fastest-levenshtein';

const MOST_DISTANCE = 3;

/** @returns `: did you mean X?`, or nothing where no name is near. */
export function suggestion(name: string, names: readonly string[]): string {
  if (names.length === 0) return '';
  const nearest = closest(name, names);
  const isNear = distance(name, nearest) <= Math.min(MOST_DISTANCE, Math.ceil(name.length / 3));
  return isNear ? `: did you mean ${nearest}?` : '';
}
