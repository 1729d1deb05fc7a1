/** Checks every property of a stored item before any of it is used. @module */
import { decodeBase64url } from '../crypto/key-schedule.js';
import { FieldEncryptionError, hasCode, TamperedError } from '../errors/errors.js';
import { describeType, isPlainObject } from '../guards/guards.js';

/** Known types other than `dek`, including those of later versions: every reader skips them. */
export const NO_ROW_TYPES = [
  'rotation',
  'lease',
  'definition',
  'reencryption',
  'member',
  'proposal',
] as const;

/** Occurs in the `scopeId` of each item of such a type, and in no row's. */
export const NO_ROW_MARK = ':';

/**
 * Whether `list` and `count` skip an item.
 *
 * Type and scope are checked together: a row with an edited type must not be hidden from a rotation.
 */
export function isNoRow({
  type,
  scopeId,
}: {
  readonly type?: unknown;
  readonly scopeId?: unknown;
}): boolean {
  const isKnown = (NO_ROW_TYPES as readonly unknown[]).includes(type);
  return isKnown && typeof scopeId === 'string' && scopeId.includes(NO_ROW_MARK);
}

const MOST_QUOTED = 32;

export type PropertyTest = (value: unknown) => boolean;

/** The properties that an item has, and no others; `?` after a name makes it optional. */
export type ItemShape = Readonly<Record<string, PropertyTest>>;

/**
 * Returns the item without the store's own properties (`_…`) when it has exactly this shape.
 *
 * @throws FieldEncryptionError `ROW_UNSUPPORTED` for a property that the shape does not have, which a later
 *   version wrote; TamperedError for a missing property or an impossible value.
 */
export function readShaped(
  value: unknown,
  shape: ItemShape,
  item: string,
): Record<string, unknown> {
  const { names, rules } = rulesOf(shape);
  const properties = withoutStoreProperties(value, item);
  for (const name of Object.keys(properties)) {
    if (names.has(name)) continue;
    throw unsupportedItem(item, `has the property "${name.slice(0, MOST_QUOTED)}"`);
  }
  for (const { name, isOptional, test } of rules) {
    if (isOptional && !Object.hasOwn(properties, name)) continue;
    if (!test(properties[name])) throw alteredItem(item, name);
  }
  return properties;
}

interface ShapeRules {
  readonly names: ReadonlySet<string>;
  readonly rules: readonly {
    readonly name: string;
    readonly isOptional: boolean;
    readonly test: PropertyTest;
  }[];
}

// A rotation reads every row of a product three times, so each shape is analysed once.
const knownRules = new WeakMap<ItemShape, ShapeRules>();

function rulesOf(shape: ItemShape): ShapeRules {
  const known = knownRules.get(shape);
  if (known) return known;
  const rules = Object.entries(shape).map(([key, test]) => {
    const isOptional = key.endsWith('?');
    return { name: isOptional ? key.slice(0, -1) : key, isOptional, test };
  });
  const made = { names: new Set(rules.map(({ name }) => name)), rules };
  knownRules.set(shape, made);
  return made;
}

// A property on a prototype must not complete an item that lacks it. Objects without a prototype would do
// too, but are many times slower to fill and to copy.
const EMPTY_PROTOTYPE: object = Object.freeze(Object.create(null) as object);

function withoutStoreProperties(value: unknown, item: string): Record<string, unknown> {
  if (!isPlainObject(value)) throw alteredItem(item, 'its form');
  const own = Object.create(EMPTY_PROTOTYPE) as Record<string, unknown>;
  for (const name of Object.keys(value)) {
    if (!name.startsWith('_')) own[name] = value[name];
  }
  return own;
}

/**
 * Returns the state of an item of this type, the one schema, and a known state.
 *
 * @throws FieldEncryptionError `ROW_UNSUPPORTED` otherwise. This is checked before the rest of the shape.
 */
export function knownState<const State extends string>(
  value: unknown,
  item: string,
  expected: { readonly type: string; readonly states: readonly State[] },
): State {
  requireKnownType(value, item, expected.type);
  const state = ownValue(value, 'state');
  const known = expected.states.find((each) => each === state);
  if (known === undefined) throw unsupportedValue(item, 'state', state);
  return known;
}

/** @throws FieldEncryptionError `ROW_UNSUPPORTED` where the item is of another type or schema. */
export function requireKnownType(
  value: unknown,
  item: string,
  expected: string,
): asserts value is Record<string, unknown> {
  if (!isPlainObject(value)) throw alteredItem(item, 'its form');
  const [type, schema] = [ownValue(value, 'type'), ownValue(value, 'schema')];
  if (type !== expected) throw unsupportedValue(item, 'type', type);
  if (schema !== 1) throw unsupportedValue(item, 'schema', schema);
}

function ownValue(value: Record<string, unknown>, name: string): unknown {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

/** @throws TamperedError where one of `mac` and `macKeyId` was removed. */
export function requireMacPair(
  { mac, macKeyId }: { readonly mac?: string; readonly macKeyId?: string },
  item: string,
): void {
  if ((mac === undefined) !== (macKeyId === undefined)) throw alteredItem(item, 'mac');
}

/**
 * Called before an item is written again with other content. With the record key, no mac is seen here.
 *
 * @throws FieldEncryptionError `ROW_UNSUPPORTED` where the item has a mac: it would no longer match, and
 *   removing it would remove the protection.
 */
export function requireNoMac({ mac }: { readonly mac?: string }, item: string): void {
  if (mac === undefined) return;
  throw new FieldEncryptionError(
    'ROW_UNSUPPORTED',
    `${item} has a mac, and this process has no record key to write it with: pass "recordKey" (FIELD_ENCRYPT_RECORD_KEY) as the other processes do`,
  );
}

/** For a type, schema or state: quotes its value where it is short text or a number. */
function unsupportedValue(item: string, name: string, value: unknown): FieldEncryptionError {
  const isShort =
    typeof value === 'number' || (typeof value === 'string' && value.length <= MOST_QUOTED);
  const what = isShort ? JSON.stringify(value) : describeType(value);
  return unsupportedItem(item, `has the ${name} ${what}`);
}

function unsupportedItem(item: string, what: string): FieldEncryptionError {
  return new FieldEncryptionError(
    'ROW_UNSUPPORTED',
    `${item} ${what}, which this version does not know: upgrade @bytelyst/field-encrypt`,
  );
}

/**
 * @param expected - Properties that follow from where the item was found.
 * @throws TamperedError for the first that differs.
 */
export function requireInPlace<Item extends object>(
  value: Item,
  item: string,
  expected: Partial<Item>,
): void {
  for (const name of Object.keys(expected) as (keyof Item & string)[]) {
    if (value[name] !== expected[name]) throw alteredItem(item, name);
  }
}

export function alteredItem(item: string, property: string): TamperedError {
  return new TamperedError(`${item} was altered (${property}): restore it from a backup`);
}

/** Whether an error is about what is stored; after any other one, it is unknown what is stored. */
export function isUnreadable(error: unknown): boolean {
  return hasCode(error, 'TAMPERED', 'ROW_UNSUPPORTED', 'RECORD_KEY_UNKNOWN');
}

const TIMESTAMP =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;
const RARE_DAY = /^.{4}-(..-31|02-(29|30))/;
const KEY_ID = /^[0-9a-f]{16}$/;
const DIGEST_BYTES = 32;

export function is<const T>(expected: T): PropertyTest {
  return (value) => value === expected;
}

export function isOneOf(...allowed: readonly unknown[]): PropertyTest {
  return (value) => allowed.includes(value);
}

/** Tests for an object of a nested shape; `item` names it in errors. */
export function isShaped(shape: ItemShape, item: string): PropertyTest {
  return (value) => {
    readShaped(value, shape, item);
    return true;
  };
}

export const isIdentifier: PropertyTest = (value) =>
  typeof value === 'string' && value !== '' && value.isWellFormed();

export const isPositiveInteger: PropertyTest = (value) =>
  Number.isSafeInteger(value) && (value as number) >= 1;

/** The format of `toISOString`, so that no other text for the same instant passes. */
export const isTimestamp: PropertyTest = (value) => {
  if (typeof value !== 'string' || !TIMESTAMP.test(value)) return false;
  // Only days that some months do not have are checked with a `Date`, which costs ten times as much.
  return !RARE_DAY.test(value) || new Date(value).toISOString() === value;
};

export const isKeyId: PropertyTest = (value) => typeof value === 'string' && KEY_ID.test(value);

/** base64url of 32 bytes: a commitment or a mac. */
export const isDigest: PropertyTest = (value) =>
  typeof value === 'string' && decodeBase64url(value)?.length === DIGEST_BYTES;

/** Where an item is stored. */
export interface ItemKey {
  readonly scopeId: string;
  readonly id: string;
}

const ROTATION_SCOPE = 'rotation:';
const LEASE = 'lease:';
const REENCRYPTION = 'reencryption:';
const DEFINITION = 'definition:';

export function nameOfItem({ scopeId, id }: ItemKey): string {
  if (id === 'rotation' && scopeId.startsWith(ROTATION_SCOPE)) {
    return `The rotation record of "${scopeId.slice(ROTATION_SCOPE.length)}"`;
  }
  if (id.startsWith(REENCRYPTION) && scopeId.startsWith(LEASE)) {
    return `The re-encryption item of "${id.slice(REENCRYPTION.length)}"`;
  }
  if (id.startsWith(DEFINITION) && scopeId.startsWith(DEFINITION)) {
    return `The definitions record of "${id.slice(DEFINITION.length)}"`;
  }
  return `The item "${id}" of "${scopeId}"`;
}

/** A lease has no mac: every migration writes it, and only its etag counts. */
export function hasNoMac({ scopeId, id }: ItemKey): boolean {
  return scopeId.startsWith(LEASE) && id.startsWith(LEASE);
}
