/** The packages of Azure, and the identity of this process there. @module */
import type * as cosmos from '@azure/cosmos';
import type * as keys from '@azure/keyvault-keys';
import type * as keyVault from '@bytelyst/field-encrypt/azure/key-vault';
import { UsageError } from '../command-line/usage-error.js';
import type { Credential } from './code-values.js';

/** @returns The configured credential, or the default one of `@azure/identity`. */
export async function entraCredential(
  path: string,
  configured: Credential | undefined,
): Promise<keyVault.VaultCredential> {
  if (configured !== undefined) return configured;
  const { defaultCredential } = await loadKeyVault(path);
  try {
    return await defaultCredential();
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'ConfigurationError') throw error;
    throw notInstalled(path, '@azure/identity');
  }
}

/** @throws UsageError where the package of Azure is not installed; the same for the others. */
export function loadKeyVault(path: string): Promise<typeof keyVault> {
  const load = () => import('@bytelyst/field-encrypt/azure/key-vault');
  return installed(path, '@azure/keyvault-keys', load);
}

export function loadKeys(path: string): Promise<typeof keys> {
  return installed(path, '@azure/keyvault-keys', () => import('@azure/keyvault-keys'));
}

export function loadCosmos(path: string): Promise<typeof cosmos> {
  return installed(path, '@azure/cosmos', () => import('@azure/cosmos'));
}

async function installed<T>(path: string, name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw notInstalled(path, name);
  }
}

function notInstalled(path: string, name: string): UsageError {
  return new UsageError(`${path}: ${name} is not installed: run npm install ${name}`);
}
