/** The name that a misspelt one was meant to be. @module */

const MOST_EDITS = 2;

/** The known name within two edits of this one, the nearest if there are several. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const measured = known.map((each) => ({ each, edits: editsBetween(name, each) }));
  const near = measured.filter(({ each, edits }) => edits <= Math.min(MOST_EDITS, each.length - 1));
  return near.sort((one, other) => one.edits - other.edits)[0]?.each;
}

/** Levenshtein's distance; `Infinity` where the lengths alone differ by more than two. */
function editsBetween(one: string, other: string): number {
  if (Math.abs(one.length - other.length) > MOST_EDITS) return Infinity;
  let above = Array.from({ length: other.length + 1 }, (_each, index) => index);
  for (const [row, letter] of Array.from(one).entries()) {
    const current = [row + 1];
    for (let column = 0; column < other.length; column += 1) {
      const replaced = (above[column] ?? 0) + (letter === other[column] ? 0 : 1);
      const inserted = (current[column] ?? 0) + 1;
      const removed = (above[column + 1] ?? 0) + 1;
      current.push(Math.min(replaced, inserted, removed));
    }
    above = current;
  }
  return above.at(-1) ?? Infinity;
}
