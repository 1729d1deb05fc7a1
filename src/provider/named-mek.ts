/** The one MEK version that a caller names, among those that are configured. @module */
import { isMekVersion, type MekReference } from '../format/dek-row.js';
import { readOptions, requireIdentifier } from '../guards/guards.js';
import type { ConfiguredProviders } from './configured-providers.js';

/** A MEK version as callers name it. */
export interface NamedMek {
  readonly mekVersion: string;
  /** May be left out where only one provider is configured. */
  readonly keyProvider?: string;
  /** Needed only where several providers with this id have different MEK names. */
  readonly mekName?: string;
}

const PARTS: readonly (keyof NamedMek)[] = ['mekVersion', 'keyProvider', 'mekName'];

/**
 * Returns the version of a configured provider.
 *
 * @throws TypeError or RangeError where the name matches no MEK version, or may match several;
 *   FieldEncryptionError `KEY_PROVIDER_NOT_CONFIGURED`.
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

/**
 * The same, but where provider and MEK name are both passed, they may name a provider that is no longer
 * configured.
 */
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
  const own = readOptions(mek as NamedMek, PARTS, name);
  const { mekVersion, keyProvider, mekName } = own;
  requireMekVersion(`${name}.mekVersion`, mekVersion);
  if (keyProvider !== undefined) requireIdentifier(`${name}.keyProvider`, keyProvider);
  if (mekName !== undefined) requireIdentifier(`${name}.mekName`, mekName);
  return own;
}

export function requireMekVersion(name: string, value: unknown): asserts value is string {
  requireIdentifier(name, value);
  if (isMekVersion(value)) return;
  throw new RangeError(
    `"${name}" expected 1 to 128 letters, digits, ".", "_" or "-", got another text`,
  );
}

const KEY_NAME = /^[0-9A-Za-z-]{1,127}$/;
const KEY_VERSION = /^[0-9a-f]{32}$/;

/** `https://` and a host: nothing that could select another key or service. */
export function isVaultUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, pathname, search, hash, username, password } = new URL(text);
  return protocol === 'https:' && pathname === '/' && search + hash + username + password === '';
}

/** A name alone, without a version appended. */
export function isVaultKeyName(text: string): boolean {
  return KEY_NAME.test(text);
}

/** A key in a vault, in any of its versions. */
export interface VaultKeyId {
  readonly vaultUrl: string;
  readonly mekName: string;
}

/** Reads `https://<vault>/keys/<name>`; with a version, or with anything else behind, it is none. */
export function parseVaultKeyId(text: string): VaultKeyId | undefined {
  const [, vaultUrl = '', name = ''] = /^(https:\/\/[^/]+)\/keys\/([^/]+)$/.exec(text) ?? [];
  if (!isVaultUrl(vaultUrl) || !isVaultKeyName(name)) return undefined;
  return { vaultUrl, mekName: name };
}

export function isVaultKeyVersion(text: string): boolean {
  return KEY_VERSION.test(text);
}
