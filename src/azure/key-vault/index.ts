/** A MEK in Azure Key Vault or Managed HSM, by `@azure/keyvault-keys`. @module */
export { AkvKeyProvider } from './akv-key-provider.js';
export type { AkvKeyProviderOptions } from './akv-options.js';
export { defaultCredential } from './default-credential.js';
export type { VaultClientOptions, VaultCredential } from './vault-clients.js';
