import { DefaultAzureCredential } from '@azure/identity';
import { KeyClient } from '@azure/keyvault-keys';

/** What a person or a policy does to the key in the vault; the library never does. */
export class VaultOperator {
  /** The one before the rotation. */
  oldVersion = '';
  readonly #keys: KeyClient;
  readonly #mekName: string;

  constructor() {
    const { AZURE_KEYVAULT_URL = '', FIELD_ENCRYPT_MEK_NAME = '' } = process.env;
    this.#mekName = FIELD_ENCRYPT_MEK_NAME;
    this.#keys = new KeyClient(AZURE_KEYVAULT_URL, new DefaultAzureCredential(), {
      // It is on this machine, and asks for a token for vaults on Azure.
      disableChallengeResourceVerification: true,
    });
  }

  async rotateKey(): Promise<void> {
    const { properties } = await this.#keys.getKey(this.#mekName);
    this.oldVersion = properties.version ?? '';
    await this.#keys.rotateKey(this.#mekName);
  }

  /** It can be enabled again; a version alone cannot be deleted. */
  async disableOldVersion(): Promise<void> {
    await this.#keys.updateKeyProperties(this.#mekName, this.oldVersion, { enabled: false });
  }
}
