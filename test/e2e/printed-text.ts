/** Compares what was printed with what a page shows. @module */

const ANYTHING = '…';
const PLACEHOLDER = /<([^<>\s][^<>]*)>/;

type Bindings = ReadonlyMap<string, string>;

/**
 * Runs of blanks count as one, and empty lines do not count. `<name>` stands for any text within a line, the same name
 * for the same text; a line `…` for any number of lines, also none.
 *
 * @returns The difference, for people; `undefined` where there is none.
 */
export function differenceIn(printed: string, expected: string): string | undefined {
  const search = new Search(linesIn(printed), linesIn(expected));
  if (search.isFound(0, 0, new Map())) return undefined;
  return search.difference();
}

function linesIn(text: string): readonly string[] {
  return text
    .split('\n')
    .map((line) => line.replaceAll(/\s+/g, ' ').trim())
    .filter((line) => line !== '');
}

class Search {
  readonly #printed: readonly string[];
  readonly #expected: readonly string[];
  /** Without it, a text with many lines `…` would take forever. */
  readonly #tried = new Set<string>();
  /** How far the best try came. */
  #most = { expected: 0, printed: 0 };

  constructor(printed: readonly string[], expected: readonly string[]) {
    this.#printed = printed;
    this.#expected = expected;
  }

  isFound(atPrinted: number, atExpected: number, bindings: Bindings): boolean {
    const place = this.#placeOf(atPrinted, atExpected, bindings);
    if (this.#tried.has(place)) return false;
    this.#tried.add(place);
    return this.#isFoundFrom(atPrinted, atExpected, bindings);
  }

  #isFoundFrom(atPrinted: number, atExpected: number, bindings: Bindings): boolean {
    if (atExpected > this.#most.expected || atExpected === 0) {
      this.#most = { expected: atExpected, printed: atPrinted };
    }
    const wanted = this.#expected[atExpected];
    if (wanted === undefined) return atPrinted === this.#printed.length;
    if (wanted === ANYTHING) {
      for (let next = atPrinted; next <= this.#printed.length; next += 1) {
        if (this.isFound(next, atExpected + 1, bindings)) return true;
      }
      return false;
    }
    const line = this.#printed[atPrinted];
    if (line === undefined) return false;
    for (const bound of matches(line, wanted, bindings)) {
      if (this.isFound(atPrinted + 1, atExpected + 1, bound)) return true;
    }
    return false;
  }

  /** With the placeholders that still come, as they are bound. */
  #placeOf(atPrinted: number, atExpected: number, bindings: Bindings): string {
    const rest = this.#expected.slice(atExpected).join('\n');
    const bound = [...bindings].filter(([name]) => rest.includes(`<${name}>`));
    return JSON.stringify([atPrinted, atExpected, bound]);
  }

  difference(): string {
    const { expected, printed } = this.#most;
    const wanted = this.#expected[expected] ?? 'nothing more';
    const line = this.#printed[printed] ?? 'nothing more';
    return `the page says: ${wanted}\nprinted:       ${line}`;
  }
}

/** Every way in which the line may be meant. */
function* matches(line: string, wanted: string, bindings: Bindings): Generator<Bindings> {
  const found = PLACEHOLDER.exec(wanted);
  if (!found) {
    if (line === wanted) yield bindings;
    return;
  }
  const [whole, name = ''] = found;
  const before = wanted.slice(0, found.index);
  if (!line.startsWith(before)) return;
  const rest = line.slice(before.length);
  const after = wanted.slice(found.index + whole.length);
  const known = bindings.get(name);
  if (known !== undefined) {
    if (rest.startsWith(known)) yield* matches(rest.slice(known.length), after, bindings);
    return;
  }
  for (let length = 1; length <= rest.length; length += 1) {
    const bound = new Map(bindings).set(name, rest.slice(0, length));
    yield* matches(rest.slice(length), after, bound);
  }
}
