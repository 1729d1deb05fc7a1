/** The JSON text of a value, or an error where JSON would lose or change something. @module */
import { describeType, isPlainObject } from '../guards/guards.js';
import { looksLikeEnvelope } from '../format/envelope.js';
import { nestedEnvelope } from './refused-envelope.js';
import { valueTooLong } from './value-length.js';

const DEEPEST = 500;

/** A walk into a value. */
interface Walk {
  /** The declared path, for messages; values and their property names are never part of it. */
  readonly path: string;
  readonly ancestors: Set<object>;
  /** The steps from the declared path on, as messages may show them. */
  readonly steps: string[];
}

/**
 * Strings that are not well-formed Unicode are kept: JSON text has escapes for them.
 *
 * @throws TypeError naming the path for anything that JSON cannot hold: a number that is not finite, bigint,
 *   symbol, function, `undefined` in an array, a class instance, a cycle. FieldEncryptionError
 *   `ENVELOPE_REFUSED` for an own property `_enc` at any depth. RangeError for a text that is too long.
 */
export function jsonTextOf(value: unknown, path: string): string {
  const copy = plainCopy(value, { path, ancestors: new Set(), steps: [] });
  try {
    return JSON.stringify(copy);
  } catch (error) {
    // The only reason why `JSON.stringify` can fail on a copy; its message would not name the path.
    throw error instanceof RangeError ? valueTooLong(path) : error;
  }
}

// The copy is read once and has no prototype, so no getter, proxy or toJSON can return different values.
function plainCopy(value: unknown, walk: Walk): unknown {
  switch (typeof value) {
    case 'boolean':
    case 'string':
      return value;
    case 'number':
      if (Number.isFinite(value)) return value;
      throw refusal(walk, 'a number that is not finite');
    case 'object':
      return value === null ? null : plainContainer(value, walk);
    default:
      throw refusal(walk, describeType(value));
  }
}

function plainContainer(value: object, walk: Walk): object {
  const { ancestors } = walk;
  if (looksLikeEnvelope(value)) throw nestedEnvelope(walk.path, walk.steps);
  if (ancestors.has(value)) throw refusal(walk, 'a cycle');
  if (ancestors.size >= DEEPEST) throw refusal(walk, `more than ${String(DEEPEST)} levels`);
  ancestors.add(value);
  const copy = Array.isArray(value) ? plainArray(value, walk) : plainRecord(value, walk);
  ancestors.delete(value);
  return copy;
}

function plainArray(value: unknown[], walk: Walk): unknown[] {
  const { steps } = walk;
  const copy = Array.from(value, (element, index) => {
    if (typeof element !== 'object') return plainCopy(element, walk);
    steps.push(`[${String(index)}]`);
    const copied = plainCopy(element, walk);
    steps.pop();
    return copied;
  });
  if (Object.keys(value).length > copy.length)
    throw refusal(walk, 'an array with named properties');
  // Hides a toJSON on a prototype.
  return Object.defineProperty(copy, 'toJSON', { value: undefined });
}

function plainRecord(value: object, walk: Walk): object {
  if (!isPlainObject(value)) throw refusal(walk, describeType(value));
  if (Object.getOwnPropertySymbols(value).length > 0) throw refusal(walk, 'a symbol');
  const copy = Object.create(null) as Record<string, unknown>;
  walk.steps.push('.*');
  for (const [name, property] of Object.entries(value)) {
    if (property !== undefined) copy[name] = plainCopy(property, walk);
  }
  walk.steps.pop();
  // Only a proxy returns a property that it did not list.
  if (looksLikeEnvelope(copy)) throw nestedEnvelope(walk.path, walk.steps);
  return copy;
}

function refusal({ path }: Walk, what: string): TypeError {
  return new TypeError(`The value at "${path}" cannot be encrypted: JSON cannot hold ${what}`);
}
