/** Texts with holes: what a message can be, as far as the source says it. @module */
import type ts from 'typescript';
import type { Callable } from './message-calls.js';

/** What stands for a value that is known only when the program runs. */
export interface Hole {
  readonly name: string;
  /** The parameter that it comes from: its texts are at the calls of the function. */
  readonly parameter?: { readonly of: Callable; readonly index: number; readonly path: Path };
}

export type Path = readonly string[];
export type Text = readonly (Hole | string)[];

export interface Lifted {
  readonly text: Text;
  /** Where the words come from. */
  readonly node: ts.Node;
  readonly isRicher: boolean;
}

/** Between a code and its message, which are read together: neither has it. */
export const END = '\u0000';

const MOST_TEXTS = 400;

/** Words, and not only a value: two of them in a row. */
export function hasWords(text: Text): boolean {
  return text.some((part) => typeof part === 'string' && /[A-Za-z]{2,}[,;:]? [A-Za-z]/.test(part));
}

export function joined(text: Text): Text {
  const parts: (Hole | string)[] = [];
  for (const part of text) {
    const last = parts.at(-1);
    if (typeof part === 'string' && typeof last === 'string') parts[parts.length - 1] = last + part;
    else parts.push(part);
  }
  return parts;
}

export function printed(text: Text): string {
  return text.map((part) => (typeof part === 'string' ? part : `<${part.name}>`)).join('');
}

/** Every combination of one text of each part, in order. */
export function combined(parts: readonly (readonly Text[])[]): readonly Text[] {
  let all: readonly Text[] = [[]];
  for (const texts of parts) {
    all = all.flatMap((before) => texts.map((each) => joined([...before, ...each])));
    if (all.length > MOST_TEXTS)
      throw new Error(`A message has more than ${String(MOST_TEXTS)} forms`);
  }
  return unique(all);
}

export function unique(texts: readonly Text[]): readonly Text[] {
  return [...new Map(texts.map((text) => [JSON.stringify(printed(text)), text])).values()];
}

/** A text of a single hole takes the name that the reader of the message knows. */
export function named(text: Text, name: string): Text {
  const [part] = text;
  const isPlain = text.length === 1 && typeof part === 'object';
  return isPlain ? [{ ...part, name }] : text;
}

/** Words of the message in a row with others: `a string` has two, a name has none. */
export function wordsIn(text: Text): number {
  const words = text.map((part) => (typeof part === 'string' ? part : '\u0001')).join('');
  return words.match(/[A-Za-z]{1,}(?=[,;:]? [A-Za-z])/g)?.length ?? 0;
}

/** A name, a number or a rule, and no words. */
export function isValue(text: Text): boolean {
  const [part, ...more] = text;
  return more.length === 0 && typeof part === 'string' && part !== '' && !part.includes(' ');
}
