/** Reads the context that a run works in: a `FieldEncryptor`, or its parts. @module */
import { describeType, isPlainObject, ownProperties, requireNoneMisspelt } from './guards.js';

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
];

/**
 * Returns the parts alone, without properties of `Object.prototype`.
 *
 * @throws TypeError for anything but an object; RangeError for a misspelt part.
 */
export function readEncryption<T extends object>(encryption: T): T {
  requireEncryption(encryption);
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

export function requireEncryption(encryption: unknown): void {
  if (typeof encryption === 'object' && encryption !== null) return;
  const got = describeType(encryption);
  throw new TypeError(`"encryption" expected a FieldEncryptor or its parts, got ${got}`);
}

function isBelowRoot(encryption: object, name: string): boolean {
  let holder: object | null = encryption;
  while (holder !== null && !Object.hasOwn(holder, name)) {
    holder = Object.getPrototypeOf(holder) as object | null;
  }
  return holder !== null && Object.getPrototypeOf(holder) !== null;
}
