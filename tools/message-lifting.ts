/** Follows the parameters of a message to the calls of its function. @module */
import type ts from 'typescript';
import type { Call, CallIndex, Callable } from './message-calls.js';
import type { TextReader } from './message-reader.js';
import { argumentsOf } from './message-syntax.js';
import {
  combined,
  END,
  type Hole,
  isValue,
  type Lifted,
  named,
  type Text,
  wordsIn,
} from './message-text.js';

/** Longer chains of calls than this are not followed. */
const DEEPEST = 12;

export class TextLifter {
  readonly #reader: TextReader;
  readonly #calls: CallIndex;

  constructor(reader: TextReader, calls: CallIndex) {
    this.#reader = reader;
    this.#calls = calls;
  }

  /** In place of the holes of one function's parameters: the texts at each of its calls, where those are words. */
  lifted(text: Text, node: ts.Node, depth = 0): readonly Lifted[] {
    const of = text.find((part) => typeof part !== 'string' && part.parameter !== undefined);
    const callable = typeof of === 'object' ? of.parameter?.of : undefined;
    if (!callable || depth > DEEPEST) return [{ text, node, isRicher: false }];
    const atCalls = this.#calls
      .callsOf(callable)
      .flatMap((call) => this.#liftedTo(call, { text, callable, depth }));
    const richer = atCalls.filter(({ isRicher }) => isRicher);
    if (richer.length === atCalls.length && richer.length > 0) return richer;
    const plain = text.map((part) => (isOf(part, callable) ? { name: part.name } : part));
    return [...richer, ...this.lifted(plain, node, depth + 1)];
  }

  #liftedTo(
    call: Call,
    { text, callable, depth }: { text: Text; callable: Callable; depth: number },
  ): readonly Lifted[] {
    let code = true;
    const parts = text.map((part) => {
      const texts = this.#atCall(part, callable, call);
      const isCode = code;
      if (typeof part === 'string' && part.includes(END)) code = false;
      if (typeof part === 'string') return texts;
      // A single word stands for a value: its name says more to people.
      return isCode ? texts : texts.map((each) => (isValue(each) ? [{ name: part.name }] : each));
    });
    return combined(parts).flatMap((each) => {
      const gained =
        text.some((part, index) => part !== each[index]) && wordsIn(each) > wordsIn(text);
      return this.lifted(each, call, depth + 1).map((lifted) => ({
        ...lifted,
        isRicher: gained || lifted.isRicher,
      }));
    });
  }

  #atCall(part: Hole | string, callable: Callable, call: Call): readonly Text[] {
    if (!isOf(part, callable)) return [[part]];
    const { index, path } = part.parameter;
    const passed = argumentsOf(call)[index];
    if (!passed) return this.#defaultOf(callable, index) ?? [[{ name: part.name }]];
    const value = this.#reader.at(passed, path);
    if (value) return this.#reader.texts(value).map((text) => named(text, part.name));
    const from = this.#reader.holeAt(passed, path);
    return [[from ? { ...from, name: part.name } : { name: part.name }]];
  }

  #defaultOf({ parameters }: Callable, index: number): readonly Text[] | undefined {
    const { initializer } = parameters[index] ?? {};
    return initializer && this.#reader.texts(initializer);
  }
}

function isOf(
  part: Hole | string,
  callable: Callable,
): part is Hole & Required<Pick<Hole, 'parameter'>> {
  return typeof part === 'object' && part.parameter?.of === callable;
}
