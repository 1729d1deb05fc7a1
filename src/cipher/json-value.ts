/** The JSON text of a value, or a `TypeError` where JSON would lose or change something. @module */
import { describeType, isPlainObject } from '../guards.js';

const DEEPEST = 500;

/**
 * @param path - The declared path, for the message; values never appear in it.
 * @throws TypeError naming the path for whatever JSON cannot hold: a number that is not finite,
 * bigint, symbol, function, `undefined` in an array, a class instance, a cycle, a lone surrogate.
 */
export function jsonTextOf(value: unknown, path: string): string {
  return JSON.stringify(plainCopy(value, path, new Set()));
}

// The copy is read once and has no prototype, so no getter, proxy or toJSON can answer twice.
function plainCopy(value: unknown, path: string, ancestors: Set<object>): unknown {
  switch (typeof value) {
    case 'boolean':
      return value;
    case 'string':
      return wellFormed(value, path);
    case 'number':
      if (Number.isFinite(value)) return value;
      throw refusal(path, 'a number that is not finite');
    case 'object':
      return value === null ? null : plainContainer(value, path, ancestors);
    default:
      throw refusal(path, describeType(value));
  }
}

function plainContainer(value: object, path: string, ancestors: Set<object>): object {
  if (ancestors.has(value)) throw refusal(path, 'a cycle');
  if (ancestors.size >= DEEPEST) throw refusal(path, `more than ${String(DEEPEST)} levels`);
  ancestors.add(value);
  const copy = Array.isArray(value)
    ? plainArray(value, path, ancestors)
    : plainRecord(value, path, ancestors);
  ancestors.delete(value);
  return copy;
}

function plainArray(value: unknown[], path: string, ancestors: Set<object>): unknown[] {
  const copy = Array.from(value, (element) => plainCopy(element, path, ancestors));
  if (Object.keys(value).length > copy.length)
    throw refusal(path, 'an array with named properties');
  // Hides a toJSON that somebody may have put on a prototype.
  return Object.defineProperty(copy, 'toJSON', { value: undefined });
}

function plainRecord(value: object, path: string, ancestors: Set<object>): object {
  if (!isPlainObject(value)) throw refusal(path, describeType(value));
  if (Object.getOwnPropertySymbols(value).length > 0) throw refusal(path, 'a symbol');
  const copy = Object.create(null) as Record<string, unknown>;
  for (const [name, property] of Object.entries(value)) {
    if (property === undefined) continue;
    copy[wellFormed(name, path)] = plainCopy(property, path, ancestors);
  }
  return copy;
}

export function wellFormed(text: string, path: string): string {
  if (text.isWellFormed()) return text;
  throw refusal(path, 'a string with a lone surrogate');
}

function refusal(path: string, what: string): TypeError {
  return new TypeError(`The value at "${path}" cannot be encrypted: JSON cannot hold ${what}`);
}
