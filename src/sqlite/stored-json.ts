/** Items as JSON in a TEXT column, their etags and pages. @module */
import { randomUUID } from 'node:crypto';
import { StoreError, type ErrorDetails } from '../errors/errors.js';
import { describeType } from '../guards/guards.js';

/**
 * Returns the value of a stored JSON text.
 *
 * @throws StoreError `STORE_FAILED` where the text is not JSON: an unreadable item is not an absent item.
 */
export function parseStoredJson(
  json: unknown,
  table: string,
  name: unknown,
  details: ErrorDetails = {},
): unknown {
  try {
    if (typeof json === 'string') return JSON.parse(json) as unknown;
  } catch {
    // The error is thrown below: the parser's own message quotes what is stored.
  }
  throw new StoreError(
    'STORE_FAILED',
    `The item ${String(name)} in the SQLite table "${table}" is not JSON: restore it from a backup`,
    details,
  );
}

/** Not from Node's cache of UUIDs, which all processes that start from one V8 snapshot would share. */
export function newEtag(): string {
  return randomUUID({ disableEntropyCache: true });
}

/**
 * @param start - The text with which every continuation of the listing starts.
 * @throws RangeError for text that is not a continuation: the listing would begin at an arbitrary place.
 */
export function parsePageEnd(continuation: string, parts: number, start = ''): readonly string[] {
  const end = continuation.startsWith(start) ? parsed(continuation) : undefined;
  if (Array.isArray(end) && end.length === parts && end.every((each) => typeof each === 'string')) {
    return end;
  }
  throw new RangeError('"continuation" expected one that list returned, got another text');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Printable ASCII except `"` and `\\`, which covers almost every text. */
const PLAIN = /^[ !#-[\]-~]*$/;
const TABLE = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;

/** A table's name becomes part of the SQL, so only a plain name is accepted. */
export function requireTableName(table: unknown): asserts table is string {
  const expected = '"table" expected a name of at most 63 letters, digits and _, no digit first';
  if (typeof table !== 'string') throw new TypeError(`${expected}, got ${describeType(table)}`);
  if (!TABLE.test(table)) throw new RangeError(`${expected}, got another text`);
}

/**
 * Returns the text as it is stored in a column: unchanged, except that `"`, `\`, control characters and lone
 * surrogates are escaped as in JSON. SQLite drivers truncate a text at U+0000.
 */
export function columnText(text: string): string {
  return PLAIN.test(text) ? text : JSON.stringify(text).slice(1, -1);
}
