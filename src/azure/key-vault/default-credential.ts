/** The credential of processes that pass none. @module */
import { missingPackage } from '../../provider/missing-package.js';
import type { VaultCredential } from './vault-clients.js';

/**
 * Loads `@azure/identity`, and returns its `DefaultAzureCredential`, which `initEncryption` uses where no
 * `credential` is passed.
 *
 * @throws ConfigurationError where `@azure/identity` is not installed: install it, or pass a `credential`.
 */
export async function defaultCredential(): Promise<VaultCredential> {
  // Within `try`, and with a literal name: a bundler includes the package if it is installed, and goes on if not.
  try {
    const { DefaultAzureCredential } = await import('@azure/identity');
    return new DefaultAzureCredential();
  } catch (cause) {
    throw missingPackage('@azure/identity', cause);
  }
}
