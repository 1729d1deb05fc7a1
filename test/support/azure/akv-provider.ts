/** An `AkvKeyProvider` on a test server. @module */
import { AkvKeyProvider, type AkvKeyProviderOptions } from '../../../src/azure/key-vault/index.js';
import type { KeyVaultServer } from './key-vault-server.js';

export const MEK_NAME = 'notelett-mek';

export type AkvOptions = Partial<AkvKeyProviderOptions>;

export function akvProvider(server: KeyVaultServer, options: AkvOptions = {}): AkvKeyProvider {
  return new AkvKeyProvider({
    vaultUrl: server.url,
    mekName: MEK_NAME,
    credential: server.credential(),
    clientOptions: server.clientOptions(),
    insecureAllowLoopback: true,
    ...options,
  });
}
