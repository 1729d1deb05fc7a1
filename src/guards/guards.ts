/**
 * Argument checks with uniform messages: the name, the expected type, the actual type; never the value.
 * @module
 */
import { isDate } from 'node:util/types';

/** For product, collection and key parts: compared byte for byte, so ambiguous values are refused. */
export function requireIdentifier(name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string') throw mismatch(name, 'a non-empty string', value);
  if (value === '') throw new TypeError(`"${name}" expected a non-empty string, got an empty one`);
  if (!value.isWellFormed()) {
    throw new TypeError(`"${name}" expected well-formed Unicode, got a lone surrogate`);
  }
}

/** Any text, including the empty one. */
export function requireText(name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string') throw mismatch(name, 'a string', value);
}

/** Bytes, or a text that stands for its UTF-8. */
export function requireBytesOrText(
  name: string,
  value: unknown,
): asserts value is string | Uint8Array {
  if (typeof value === 'string' || value instanceof Uint8Array) return;
  throw mismatch(name, 'a string or bytes', value);
}

export function requireIntegerBetween(
  name: string,
  value: unknown,
  least: number,
  most: number,
): asserts value is number {
  const range = `an integer from ${String(least)} to ${String(most)}`;
  const isIn = (number: number): boolean => number >= least && number <= most;
  requireNumber(name, value, range, (number) => Number.isSafeInteger(number) && isIn(number));
}

/** @param range - The accepted range in words: `a number above 0`. */
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

/** A plain object, so that copying it with a spread loses nothing; objects of another realm are accepted. */
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

/**
 * Returns a copy of an options bag that holds its own properties only, whatever is on `Object.prototype`.
 *
 * @param owner - What the bag is part of, for messages: `target`.
 * @throws TypeError for anything but an object; RangeError for an unknown name; TypeError for a name that the
 *   object only inherits. Both would be ignored silently.
 */
export function readOptions<T extends object>(
  options: T,
  known: readonly string[],
  owner?: string,
): T {
  if (typeof options !== 'object' || (options as unknown) === null || Array.isArray(options)) {
    throw mismatch(owner ?? 'options', 'a plain object', options);
  }
  requireKnownOptions(options, known, owner);
  const inherited = known.find(
    (name) => !Object.hasOwn(options, name) && isBelowRoot(options, name),
  );
  if (inherited === undefined) return ownProperties(options);
  throw new TypeError(`"${pathOf(inherited, owner)}" is inherited: pass it as an own property`);
}

/** Refuses a misspelt option, where ignoring it would be worse. */
export function requireKnownOptions(
  options: object,
  known: readonly string[],
  owner?: string,
): void {
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const expected = known.length === 0 ? 'none are taken' : `expected ${known.join(', ')}`;
  const meant = nearestName(unknown, known);
  const hint = meant === undefined ? '' : `; did you mean "${pathOf(meant, owner)}"?`;
  throw new RangeError(`"${pathOf(unknown, owner)}" is no option: ${expected}${hint}`);
}

/**
 * For an object that satisfies an interface and may hold more: refuses only names that look like a misspelt
 * part.
 *
 * @throws RangeError that names the intended part.
 */
export function requireNoneMisspelt(owner: string, whole: object, parts: readonly string[]): void {
  for (const name of Object.keys(whole)) {
    const meant = parts.includes(name) ? undefined : nearestName(name, parts);
    if (meant === undefined || Object.hasOwn(whole, meant)) continue;
    throw new RangeError(`"${owner}" has no part "${name}": did you mean "${meant}"?`);
  }
}

function pathOf(name: string, owner: string | undefined): string {
  return owner === undefined ? name : `${owner}.${name}`;
}

export function requireSignal(name: string, value: unknown): asserts value is AbortSignal {
  const { throwIfAborted } = (value ?? {}) as Partial<AbortSignal>;
  if (typeof throwIfAborted !== 'function') throw mismatch(name, 'an AbortSignal', value);
}

export function requireList(name: string, value: unknown): asserts value is readonly unknown[] {
  if (!Array.isArray(value)) throw mismatch(name, 'an array', value);
}

export function requireFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw mismatch(name, 'a function', value);
}

/** @param what - The interface in words: `a document store`. */
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

/** Returns a copy that holds its own properties only, whatever is on `Object.prototype`. */
export function ownProperties<T extends object>(options: T): T {
  return Object.assign(Object.create(null) as T, options);
}

/** Describes the type of a value without revealing the value. */
export function describeType(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return isPlainObject(value) ? 'an object' : 'a class instance';
  if (typeof value === 'undefined') return 'undefined';
  return `a ${typeof value}`;
}

/** The same with the name of the class: it is part of the program, and no data. */
export function describeValue(value: unknown): string {
  const name = typeof value === 'object' && value !== null ? classNameOf(value) : undefined;
  return name === undefined ? describeType(value) : `an instance of ${name}`;
}

const CLASS_NAME = /^[A-Za-z_$][\w$]{0,63}$/;

/** `undefined` for plain objects and arrays, and where the name is not certain to be that of a class. */
function classNameOf(value: object): string | undefined {
  if (Array.isArray(value) || isPlainObject(value)) return undefined;
  const prototype = Object.getPrototypeOf(value) as object;
  const made = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value as unknown;
  if (typeof made !== 'function') return undefined;
  const name: unknown = Object.getOwnPropertyDescriptor(made, 'name')?.value;
  return typeof name === 'string' && CLASS_NAME.test(name) ? name : undefined;
}

/** `a, b and c`. */
export function inWords(names: readonly string[]): string {
  const others = names.slice(0, -1).join(', ');
  return others === '' ? names.join() : `${others} and ${String(names.at(-1))}`;
}

function mismatch(name: string, expected: string, value: unknown): TypeError {
  return new TypeError(`"${name}" expected ${expected}, got ${describeType(value)}`);
}

const MOST_EDITS = 2;

/** Returns the nearest known name within two edits of this one. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const measured = known.map((each) => ({ each, edits: editsBetween(name, each) }));
  const near = measured.filter(({ each, edits }) => edits <= Math.min(MOST_EDITS, each.length - 1));
  return near.sort((one, other) => one.edits - other.edits)[0]?.each;
}

/** The Levenshtein distance; `Infinity` where the lengths alone differ by more than two. */
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

interface PastMoment {
  readonly name: string;
  /** What happens to older items, for the message. */
  readonly meaning: string;
  readonly nowMs: number;
}

/**
 * Returns the time in the format of `toISOString()`, so that texts compare as times do.
 *
 * @throws TypeError or RangeError for anything but a Date, or such a text, in the past.
 */
export function readPastMoment(moment: unknown, { name, meaning, nowMs }: PastMoment): string {
  // A number, or a list of one text, could also be read as a time.
  const given = typeof moment === 'string' ? moment : '';
  const atMs = isDate(moment) ? moment.getTime() : Date.parse(given);
  const text = Number.isNaN(atMs) ? undefined : new Date(atMs).toISOString();
  if (text === undefined || (typeof moment === 'string' && moment !== text)) {
    throw new TypeError(
      `"${name}" expected a Date, or a time as toISOString() writes it: ${meaning}`,
    );
  }
  if (atMs <= nowMs) return text;
  throw new RangeError(`"${name}" expected a time in the past, got one in the future`);
}

/** All parts that a run may need, and the other properties of an encryptor. */
const PARTS = [
  'product',
  'keyProviders',
  'dekStore',
  'dekCache',
  'mode',
  'enabled',
  'fenceTtlMs',
  'minimumEpoch',
  'clock',
  'recoveryKey',
  'audit',
];

/**
 * Returns the parts alone, without properties of `Object.prototype`.
 *
 * @throws TypeError for anything but an object; RangeError for a misspelt part.
 */
export function readEncryption<T extends object>(encryption: T): T {
  if (typeof encryption !== 'object' || (encryption as unknown) === null) {
    throw mismatch('encryption', 'a FieldEncryptor or its parts', encryption);
  }
  if (isPlainObject(encryption)) {
    requireNoneMisspelt('encryption', encryption, PARTS);
    return ownProperties(encryption);
  }
  const parts = PARTS.filter((name) => isBelowRoot(encryption, name)).map((name) => [
    name,
    (encryption as Readonly<Record<string, unknown>>)[name],
  ]);
  return ownProperties(Object.fromEntries(parts) as T);
}

/** From the object, a class or an object of defaults: properties of `Object.prototype` are on every object. */
function isBelowRoot(whole: object, name: string): boolean {
  let holder: object | null = whole;
  while (holder !== null && !Object.hasOwn(holder, name)) {
    holder = Object.getPrototypeOf(holder) as object | null;
  }
  return holder !== null && Object.getPrototypeOf(holder) !== null;
}

/**
 * A store that serialises calls `toJSON`, and writes its result in place of what was sealed.
 *
 * @param forms - The object as it was passed in, and the copy that is stored: a getter may return different
 *   values.
 * @param path - The path of a container; absent for the document itself.
 * @throws TypeError for a function `toJSON`, own or inherited. A function on the prototype of all objects or
 *   all arrays is not part of the document.
 */
export function refuseToJson(forms: readonly object[], path?: string): void {
  for (const form of forms) {
    const { toJSON } = form as { readonly toJSON?: unknown };
    if (typeof toJSON !== 'function' || isOfEveryObject(toJSON)) continue;
    const whose = path === undefined ? 'The document' : `The value at "${path}"`;
    throw new TypeError(
      `${whose} has a function "toJSON", which would decide what is stored: pass the plain object that it returns`,
    );
  }
}

function isOfEveryObject(toJSON: unknown): boolean {
  return [Object.prototype, Array.prototype].some(
    (prototype) => (prototype as { readonly toJSON?: unknown }).toJSON === toJSON,
  );
}
