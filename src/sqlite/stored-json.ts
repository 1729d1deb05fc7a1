/** Items as JSON in a TEXT column. @module */
import { StoreError, type ErrorDetails } from '../errors/errors.js';

/**
 * The value of a stored JSON text.
 *
 * @throws StoreError `STORE_FAILED` where the text is no JSON: an item that cannot be read is not
 * an item that is absent.
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
    // Falls through: the parser's own message quotes what is stored.
  }
  throw new StoreError(
    'STORE_FAILED',
    `The item ${String(name)} in the SQLite table "${table}" is not JSON: restore it from a backup`,
    details,
  );
}
