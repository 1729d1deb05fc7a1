/** A DEK wrapped by a MEK. @module */
import { decodeBase64url } from '../crypto/encoding.js';

export type WrapAlgorithm = 'A256KW' | 'RSA-OAEP-256';

export const WRAP_ALGORITHMS: readonly WrapAlgorithm[] = ['A256KW', 'RSA-OAEP-256'];

/** One exact version of one MEK. Two wraps are on the same version only if all three properties agree. */
export interface MekReference {
  /** The configured id of a provider, `"env"` or `"akv"` by default. */
  readonly keyProvider: string;
  readonly mekName: string;
  readonly mekVersion: string;
}

/** A wrapped DEK and the exact MEK version that unwraps it. */
export interface KeyWrap extends MekReference {
  /** base64url without padding. */
  readonly wrappedDek: string;
  readonly wrapAlgorithm: WrapAlgorithm;
}

const LONGEST_IN_MESSAGE = 128;
const MEK_VERSION = /^[A-Za-z0-9._-]{1,128}$/;

export function isMekVersion(value: unknown): value is string {
  return typeof value === 'string' && MEK_VERSION.test(value);
}

const WRAPPED_LENGTHS: Readonly<Record<WrapAlgorithm, readonly number[]>> = {
  A256KW: [40],
  'RSA-OAEP-256': [256, 384, 512],
};

/** True for canonical base64url of a length that the algorithm can produce. */
export function isWrappedDek(value: unknown, algorithm: WrapAlgorithm): value is string {
  if (typeof value !== 'string') return false;
  const bytes = decodeBase64url(value);
  return bytes !== undefined && WRAPPED_LENGTHS[algorithm].includes(bytes.length);
}

/** Returns the wrap alone, from a row, a previous wrap or an adapter's answer. */
export function wrapIn(wrap: KeyWrap): KeyWrap {
  const { wrappedDek, wrapAlgorithm, keyProvider, mekName, mekVersion } = wrap;
  return { wrappedDek, wrapAlgorithm, keyProvider, mekName, mekVersion };
}

/** Returns the MEK version alone, from a wrap or a rotation record. */
export function mekIn({ keyProvider, mekName, mekVersion }: MekReference): MekReference {
  return { keyProvider, mekName, mekVersion };
}

export function isSameMek(one: MekReference, other: MekReference): boolean {
  return (
    one.mekVersion === other.mekVersion &&
    one.mekName === other.mekName &&
    one.keyProvider === other.keyProvider
  );
}

/** For messages: provider, MEK name and version. */
export function describeMek({ keyProvider, mekName, mekVersion }: MekReference): string {
  return [keyProvider, mekName, mekVersion].map(shortName).join('/');
}

/** Shortens a name for messages: a stored name may be of any length. */
export function shortName(name: string): string {
  return name.length > LONGEST_IN_MESSAGE ? `${name.slice(0, LONGEST_IN_MESSAGE)}…` : name;
}
