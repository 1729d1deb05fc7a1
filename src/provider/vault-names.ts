/** The form of addresses, key names and versions of a key vault. @module */

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

export function isVaultKeyVersion(text: string): boolean {
  return KEY_VERSION.test(text);
}
