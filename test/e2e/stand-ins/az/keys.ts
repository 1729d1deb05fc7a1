/** `az keyvault key …`, by the protocol of the vault. @module */
import { createPublicKey } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { required, type AzArguments } from './arguments.js';
import { AzError } from './az-error.js';
import { shownDeleted, shownItem, shownKey } from './shown-keys.js';
import { callVault, listVault, type Json } from './vault-call.js';

/** `undefined` prints nothing. */
export type AzCommand = (given: AzArguments) => Promise<unknown>;

const vaultOf = (given: AzArguments): string => required(given, '--vault-name');
const pathOf = (given: AzArguments): string => `/keys/${required(given, '--name')}`;
const deletedPathOf = (given: AzArguments): string => `/deletedkeys/${required(given, '--name')}`;

function versionOf({ options }: AzArguments): string {
  return options.get('--version')?.[0] ?? '';
}

function attributesIn({ options }: AzArguments): Json {
  const seconds = (name: string): number | undefined => {
    const value = options.get(name)?.[0];
    return value === undefined ? undefined : Math.floor(Date.parse(value) / 1_000);
  };
  const enabled = options.get('--enabled')?.[0];
  const disabled = options.get('--disabled')?.[0];
  const isEnabled =
    enabled === undefined ? disabled === undefined && undefined : enabled === 'true';
  return {
    ...(isEnabled !== undefined && { enabled: isEnabled }),
    ...(options.has('--expires') && { exp: seconds('--expires') }),
    ...(options.has('--not-before') && { nbf: seconds('--not-before') }),
  };
}

export const keyCommands: Readonly<Record<string, AzCommand>> = {
  'keyvault key create': async (given) => {
    const size = given.options.get('--size')?.[0];
    const ops = given.options.get('--ops');
    const body = {
      kty: given.options.get('--kty')?.[0] ?? 'RSA',
      ...(size !== undefined && { key_size: Number(size) }),
      ...(ops && { key_ops: ops }),
      attributes: attributesIn(given),
    };
    return shownKey(await callVault(vaultOf(given), 'POST', `${pathOf(given)}/create`, body));
  },
  'keyvault key rotate': async (given) =>
    shownKey(await callVault(vaultOf(given), 'POST', `${pathOf(given)}/rotate`)),
  'keyvault key show': async (given) =>
    shownKey(await callVault(vaultOf(given), 'GET', `${pathOf(given)}/${versionOf(given)}`)),
  'keyvault key list': async (given) => (await listVault(vaultOf(given), '/keys')).map(shownItem),
  'keyvault key list-versions': async (given) =>
    (await listVault(vaultOf(given), `${pathOf(given)}/versions`)).map(shownItem),
  'keyvault key set-attributes': async (given) => {
    const ops = given.options.get('--ops');
    const body = { attributes: attributesIn(given), ...(ops && { key_ops: ops }) };
    const path = `${pathOf(given)}/${versionOf(given)}`;
    return shownKey(await callVault(vaultOf(given), 'PATCH', path, body));
  },
  'keyvault key delete': async (given) =>
    shownDeleted(await callVault(vaultOf(given), 'DELETE', pathOf(given))),
  'keyvault key list-deleted': async (given) =>
    (await listVault(vaultOf(given), '/deletedkeys')).map(shownItem),
  'keyvault key show-deleted': async (given) =>
    shownDeleted(await callVault(vaultOf(given), 'GET', deletedPathOf(given))),
  'keyvault key recover': async (given) =>
    shownKey(await callVault(vaultOf(given), 'POST', `${deletedPathOf(given)}/recover`)),
  'keyvault key purge': async (given) => {
    await callVault(vaultOf(given), 'DELETE', deletedPathOf(given));
    return undefined;
  },
  'keyvault key backup': async (given) => {
    const file = newFile(given);
    const { value } = await callVault(vaultOf(given), 'POST', `${pathOf(given)}/backup`);
    writeFileSync(file, Buffer.from(String(value), 'base64url'), { mode: 0o600 });
    return undefined;
  },
  'keyvault key restore': async (given) => {
    const value = readFileSync(required(given, '--file')).toString('base64url');
    return shownKey(await callVault(vaultOf(given), 'POST', '/keys/restore', { value }));
  },
  'keyvault key download': async (given) => {
    const file = newFile(given);
    const { key } = await callVault(vaultOf(given), 'GET', `${pathOf(given)}/${versionOf(given)}`);
    const jwk = key as { kty: string; n: string; e: string };
    const encoding = { type: 'spki', format: 'pem' } as const;
    writeFileSync(file, createPublicKey({ key: { ...jwk }, format: 'jwk' }).export(encoding));
    return undefined;
  },
};

function newFile(given: AzArguments): string {
  const file = required(given, '--file');
  if (existsSync(file)) throw new AzError(`File or directory named '${file}' already exists.`, 1);
  return file;
}
