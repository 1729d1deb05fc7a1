/** Writes a value as JSON text that has everything that the value had, or refuses it. @module */
import { looksLikeEnvelope } from '../format/key-scope.js';
import { describeValue, isPlainObject } from '../guards/guards.js';
import { nestedEnvelope } from './own-envelopes.js';

const DEEPEST = 500;

/** A property name, or the index of an element. */
type Step = number | string;

/** A walk into a value. */
interface Walk {
  /** The declared path. */
  readonly path: string;
  /** The place of the value in its document. */
  readonly placeOf: () => string;
  readonly ancestors: Set<object>;
  /** The steps from the value on. */
  readonly steps: Step[];
}

/**
 * Strings that are not well-formed Unicode are kept: JSON text has escapes for them.
 *
 * @returns `undefined` where the text would be longer than a string can be.
 * @throws TypeError naming the place of anything that JSON cannot hold: a number that is not finite, bigint,
 *   symbol, function, `undefined` in an array, a class instance, a cycle. FieldEncryptionError
 *   `ENVELOPE_REFUSED` for an own property `_enc` at any depth.
 */
export function jsonTextOf(
  value: unknown,
  path: string,
  placeOf: () => string,
): string | undefined {
  const copy = plainCopy(value, { path, placeOf, ancestors: new Set(), steps: [] });
  try {
    return JSON.stringify(copy);
  } catch (error) {
    // The only reason why `JSON.stringify` can fail on a copy.
    if (error instanceof RangeError) return undefined;
    throw error;
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
      throw refusal(walk, describeValue(value));
  }
}

function plainContainer(value: object, walk: Walk): object {
  const { ancestors } = walk;
  if (looksLikeEnvelope(value)) throw nestedIn(walk);
  if (ancestors.has(value)) throw refusal(walk, 'a cycle');
  if (ancestors.size >= DEEPEST) throw refusal(walk, `more than ${String(DEEPEST)} levels`);
  ancestors.add(value);
  const copy = Array.isArray(value) ? plainArray(value, walk) : plainRecord(value, walk);
  ancestors.delete(value);
  return copy;
}

function plainArray(value: unknown[], walk: Walk): unknown[] {
  const { steps } = walk;
  const depth = steps.length;
  const copy = Array.from(value, (element, index) => {
    steps[depth] = index;
    return plainCopy(element, walk);
  });
  steps.length = depth;
  if (Object.keys(value).length > copy.length) {
    throw refusal(walk, 'an array with named properties');
  }
  // Hides a toJSON on a prototype.
  return Object.defineProperty(copy, 'toJSON', { value: undefined });
}

function plainRecord(value: object, walk: Walk): object {
  if (!isPlainObject(value)) throw refusal(walk, describeValue(value));
  if (Object.getOwnPropertySymbols(value).length > 0) throw refusal(walk, 'a symbol');
  const { steps } = walk;
  const depth = steps.length;
  const copy = Object.create(null) as Record<string, unknown>;
  for (const [name, property] of Object.entries(value)) {
    if (property === undefined) continue;
    steps[depth] = name;
    copy[name] = plainCopy(property, walk);
  }
  steps.length = depth;
  // Only a proxy returns a property that it did not list.
  if (looksLikeEnvelope(copy)) throw nestedIn(walk);
  return copy;
}

/** Without names: who sends an envelope inside a value chose them. */
function nestedIn({ path, steps }: Walk): Error {
  return nestedEnvelope(
    path,
    steps.map((step) => (typeof step === 'number' ? `[${String(step)}]` : ANY_PROPERTY)),
  );
}

const ANY_PROPERTY = '.*';
/** Names as programs give them. Others, like the keys of a map, may be data: they are not shown. */
const PROGRAM_NAME = /^[A-Za-z_$][\w$]{0,63}$/;
const MOST_STEPS = 20;

function refusal({ placeOf, steps }: Walk, what: string): TypeError {
  const shown = steps.slice(0, MOST_STEPS).map(textOf);
  const rest = steps.length > MOST_STEPS ? '…' : '';
  const legend = shown.includes(ANY_PROPERTY) ? ' (* is a property)' : '';
  return new TypeError(
    `The value at "${placeOf()}${shown.join('')}${rest}"${legend} cannot be encrypted: JSON cannot hold ${what}`,
  );
}

function textOf(step: Step): string {
  if (typeof step === 'number') return `[${String(step)}]`;
  return PROGRAM_NAME.test(step) ? `.${step}` : ANY_PROPERTY;
}
