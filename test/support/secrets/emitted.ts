/** What was let out: each different text once, and whatever is no plain data. @module */
import { isPlainObject } from '../../../src/guards/guards.js';

const LEAST_BYTES = 8;

export class Emitted {
  readonly #texts = new Map<string, string>();
  readonly #odd = new Map<string, string>();
  #count = 0;

  /** Messages and pieces of output so far. */
  get count(): number {
    return this.#count;
  }

  /** Different texts, with where each came from first. */
  get texts(): ReadonlyMap<string, string> {
    return this.#texts;
  }

  /** What a message must not have: errors, bytes, functions, class instances; with where it was. */
  get odd(): ReadonlyMap<string, string> {
    return this.#odd;
  }

  addText(source: string, text: string): void {
    this.#count += 1;
    this.#note(source, text);
  }

  addMessage(channel: string, message: unknown): void {
    this.#count += 1;
    this.#walk(channel, message);
  }

  /** Errors, events and reports, which may hold anything but secrets. Stacks only say it again. */
  addValue(source: string, value: unknown): void {
    this.#count += 1;
    this.#search(source, value, new Set());
  }

  forget(): void {
    this.#texts.clear();
    this.#odd.clear();
  }

  #walk(source: string, value: unknown): void {
    if (typeof value === 'string') this.#note(source, value);
    else if (Array.isArray(value)) this.#walkList(source, value);
    else if (isPlainObject(value)) {
      for (const name of Reflect.ownKeys(value)) {
        this.#note(source, String(name));
        this.#walk(source, value[name as string]);
      }
    } else if (typeof value === 'object' ? value !== null : isOdd(value)) {
      this.#odd.set(describe(value), source);
    }
  }

  #walkList(source: string, list: readonly unknown[]): void {
    const isBytes = list.length >= LEAST_BYTES && list.every((each) => typeof each === 'number');
    if (isBytes) this.#odd.set('a list of numbers', source);
    for (const each of list) this.#walk(source, each);
  }

  #search(source: string, value: unknown, seen: Set<unknown>): void {
    if (typeof value === 'string') this.#note(source, value);
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    if (value instanceof Uint8Array) {
      this.#note(source, Buffer.from(value).toString('hex'));
      return;
    }
    const inside = value instanceof Map || value instanceof Set ? [...value] : [];
    for (const each of inside) this.#search(source, each, seen);
    for (const name of Reflect.ownKeys(value)) {
      this.#note(source, String(name));
      if (name !== 'stack') this.#search(source, propertyOf(value, name), seen);
    }
  }

  #note(source: string, text: string): void {
    if (!this.#texts.has(text)) this.#texts.set(text, source);
  }
}

function isOdd(value: unknown): boolean {
  return !['boolean', 'number', 'undefined'].includes(typeof value);
}

function describe(value: unknown): string {
  if (typeof value !== 'object') return `a ${typeof value}`;
  return `an instance of ${value?.constructor.name ?? 'nothing'}`;
}

function propertyOf(holder: object, name: string | symbol): unknown {
  try {
    return Reflect.get(holder, name);
  } catch {
    return undefined;
  }
}
