/** The one MEK version that a caller names, out of what is configured. @module */
import { ownProperties, readOptions, requireIdentifier } from '../guards/guards.js';
import type { ConfiguredProviders } from './configured-providers.js';
import { isMekVersion, type MekReference } from '../format/key-wrap.js';

/** A MEK version as callers name it. */
export interface NamedMek {
  readonly mekVersion: string;
  /** May be left out where one provider alone is configured. */
  readonly keyProvider?: string;
  /** Needed only where providers with this id differ in it. */
  readonly mekName?: string;
}

const PARTS: readonly (keyof NamedMek)[] = ['mekVersion', 'keyProvider', 'mekName'];

/**
 * The version of a configured provider.
 *
 * @throws TypeError or RangeError for what names none, or may name several; FieldEncryptionError
 * `KEY_PROVIDER_NOT_CONFIGURED`.
 */
export function readConfiguredMek(
  name: string,
  mek: unknown,
  providers: ConfiguredProviders,
): MekReference {
  const { mekVersion, keyProvider, mekName } = readNamedMek(name, mek);
  const provider = providers.only(keyProvider, mekName, name);
  return { keyProvider: provider.id, mekName: provider.mekName, mekVersion };
}

/** The same, but where provider and MEK name are both given it may be one that is configured no more. */
export function readAnyMek(
  name: string,
  mek: unknown,
  providers: ConfiguredProviders,
): MekReference {
  const { mekVersion, keyProvider, mekName } = readNamedMek(name, mek);
  if (keyProvider !== undefined && mekName !== undefined) {
    return { keyProvider, mekName, mekVersion };
  }
  return readConfiguredMek(name, mek, providers);
}

function readNamedMek(name: string, mek: unknown): NamedMek {
  const { mekVersion, keyProvider, mekName } = readOptions(mek as NamedMek, PARTS, name);
  requireMekVersion(`${name}.mekVersion`, mekVersion);
  if (keyProvider !== undefined) requireIdentifier(`${name}.keyProvider`, keyProvider);
  if (mekName !== undefined) requireIdentifier(`${name}.mekName`, mekName);
  return ownProperties({
    mekVersion,
    ...(keyProvider !== undefined && { keyProvider }),
    ...(mekName !== undefined && { mekName }),
  });
}

export function requireMekVersion(name: string, value: unknown): asserts value is string {
  requireIdentifier(name, value);
  if (isMekVersion(value)) return;
  throw new RangeError(
    `"${name}" expected 1 to 128 letters, digits, ".", "_" or "-", got another text`,
  );
}
