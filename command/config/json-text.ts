/** Reads a configuration in JSON, and says where it is wrong without quoting it. @module */
import { UsageError } from '../command-line/usage-error.js';
import { at } from './value-reader.js';

/**
 * Node's own parser quotes the text around a mistake, and takes the last of two equal names.
 *
 * @throws UsageError with the line and column of the mistake.
 */
export function parseConfigJson(file: string, text: string): unknown {
  const content = text.replace(/^\uFEFF/, '');
  const scan = new JsonScan(content);
  const mistakeAt = scan.run();
  if (mistakeAt !== undefined) {
    throw new UsageError(
      `${file}:${placeIn(content, mistakeAt)} is not JSON: check the commas, quotes and brackets at this place`,
    );
  }
  if (scan.repeated.length > 0) {
    throw new UsageError(
      scan.repeated.map((path) => `${file}: ${path}: is given twice: remove one of them`),
    );
  }
  return JSON.parse(content) as unknown;
}

function placeIn(text: string, offset: number): string {
  const lines = text.slice(0, offset).split('\n');
  return `${String(lines.length)}:${String((lines.at(-1) ?? '').length + 1)}`;
}

const SPACE = /[ \t\n\r]*/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const LITERAL = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y;

/** The grammar of RFC 8259. */
class JsonScan {
  /** The paths of names that are in one object twice. */
  readonly repeated: string[] = [];
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** @returns The offset of the first mistake, if there is one. */
  run(): number | undefined {
    const isWhole = this.#value('') && this.#isAtEnd();
    return isWhole ? undefined : this.#at;
  }

  #value(path: string): boolean {
    this.#take(SPACE);
    if (this.#isNext('{')) return this.#members(path);
    if (this.#isNext('[')) return this.#elements(path);
    return this.#take(STRING) !== undefined || this.#take(LITERAL) !== undefined;
  }

  #members(path: string): boolean {
    const names = new Set<string>();
    return this.#list('}', () => {
      this.#take(SPACE);
      const text = this.#take(STRING);
      if (text === undefined) return false;
      const name = JSON.parse(text) as string;
      const place = at(path, name);
      if (names.has(name)) this.repeated.push(place);
      names.add(name);
      return this.#isNext(':') && this.#value(place);
    });
  }

  #elements(path: string): boolean {
    return this.#list(']', (index) => this.#value(at(path, index)));
  }

  #list(end: string, entry: (index: number) => boolean): boolean {
    if (this.#isNext(end)) return true;
    for (let index = 0; entry(index); index += 1) {
      if (this.#isNext(end)) return true;
      if (!this.#isNext(',')) return false;
    }
    return false;
  }

  /** Takes the sign, after any space. */
  #isNext(sign: string): boolean {
    this.#take(SPACE);
    if (this.#text[this.#at] !== sign) return false;
    this.#at += 1;
    return true;
  }

  #isAtEnd(): boolean {
    this.#take(SPACE);
    return this.#at === this.#text.length;
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const [text] = pattern.exec(this.#text) ?? [];
    this.#at += text?.length ?? 0;
    return text;
  }
}
