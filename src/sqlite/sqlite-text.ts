/** Names and texts on their way into SQL. @module */
import { describeType } from '../guards/guards.js';

/** Printable ASCII but for `"` and `\\`: what almost every text is. */
const PLAIN = /^[ !#-[\]-~]*$/;
const TABLE = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;

/** A table's name is part of the SQL, so nothing but a plain name will do. */
export function requireTableName(table: unknown): asserts table is string {
  const expected = '"table" expected a name of at most 63 letters, digits and _, no digit first';
  if (typeof table !== 'string') throw new TypeError(`${expected}, got ${describeType(table)}`);
  if (!TABLE.test(table)) throw new RangeError(`${expected}, got another text`);
}

/**
 * The text as it is put in a column: itself, except that `"`, `\`, control characters and lone
 * surrogates are escaped as in JSON. SQLite drivers cut a text at U+0000.
 */
export function columnText(text: string): string {
  return PLAIN.test(text) ? text : JSON.stringify(text).slice(1, -1);
}
