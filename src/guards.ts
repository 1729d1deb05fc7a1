/** Argument checks with uniform messages: the name, what was expected, what came; never the value. @module */

/** Product, collection and key parts: compared byte for byte, so anything ambiguous is refused. */
export function requireIdentifier(name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string') throw mismatch(name, 'a non-empty string', value);
  if (value === '') throw new TypeError(`"${name}" expected a non-empty string, got an empty one`);
  if (!value.isWellFormed()) {
    throw new TypeError(`"${name}" expected well-formed Unicode, got a lone surrogate`);
  }
}

export function requireIntegerBetween(
  name: string,
  value: unknown,
  least: number,
  most: number,
): asserts value is number {
  const range = `an integer from ${String(least)} to ${String(most)}`;
  if (typeof value !== 'number') throw mismatch(name, range, value);
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw new RangeError(`"${name}" expected ${range}, got ${String(value)}`);
  }
}

/** @param range - In words, for whatever the test refuses: `a number above 0`. */
export function requireNumber(
  name: string,
  value: unknown,
  range: string,
  isIn: (number: number) => boolean,
): asserts value is number {
  if (typeof value !== 'number') throw mismatch(name, range, value);
  if (isIn(value)) return;
  throw new RangeError(`"${name}" expected ${range}, got ${String(value)}`);
}

export function requireOneOf<const T extends string>(
  name: string,
  value: unknown,
  allowed: readonly T[],
): asserts value is T {
  if (!allowed.includes(value as T)) {
    throw mismatch(name, `one of ${allowed.map((each) => `"${each}"`).join(', ')}`, value);
  }
}

export function requireBoolean(name: string, value: unknown): asserts value is boolean {
  if (typeof value !== 'boolean') throw mismatch(name, 'a boolean', value);
}

/** Plain, so that copying it with a spread loses nothing; objects of another realm count too. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

export function requirePlainObject(
  name: string,
  value: unknown,
): asserts value is Record<string, unknown> {
  if (!isPlainObject(value)) throw mismatch(name, 'a plain object', value);
}

/** Against a misspelt option, where being ignored would be worse than being refused. */
export function requireKnownOptions(options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new RangeError(`"${unknown}" is no option: expected ${known.join(', ')}`);
}

export function requireSignal(name: string, value: unknown): asserts value is AbortSignal {
  const { throwIfAborted } = (value ?? {}) as Partial<AbortSignal>;
  if (typeof throwIfAborted !== 'function') throw mismatch(name, 'an AbortSignal', value);
}

export function requireFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw mismatch(name, 'a function', value);
}

/** @param what - In words: `a document store`. */
export function requireMethods(
  name: string,
  what: string,
  methods: readonly string[],
  value: unknown,
): void {
  const members = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (methods.every((method) => typeof members[method] === 'function')) return;
  throw mismatch(name, `${what} with ${inWords(methods)}`, value);
}

/** A copy that answers for nothing but itself, whatever was put on `Object.prototype`. */
export function ownProperties<T extends object>(options: T): T {
  return Object.assign(Object.create(null) as T, options);
}

/** What a value is, in words that give nothing of it away. */
export function describeType(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return isPlainObject(value) ? 'an object' : 'a class instance';
  if (typeof value === 'undefined') return 'undefined';
  return `a ${typeof value}`;
}

/** `a, b and c`. */
export function inWords(names: readonly string[]): string {
  const others = names.slice(0, -1).join(', ');
  return others === '' ? names.join() : `${others} and ${String(names.at(-1))}`;
}

function mismatch(name: string, expected: string, value: unknown): TypeError {
  return new TypeError(`"${name}" expected ${expected}, got ${describeType(value)}`);
}
