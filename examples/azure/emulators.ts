/** A Key Vault, an identity provider and a Cosmos DB account on this machine, over HTTPS. @module */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureDekContainer } from '@bytelyst/field-encrypt/azure/cosmos';
import { CosmosServer } from '../../test/support/azure/cosmos-server.js';
import { KeyVaultServer } from '../../test/support/azure/key-vault-server.js';

export type Variables = Readonly<Record<string, string>>;

const MEK_NAME = 'notelett-mek';
const DATABASE = 'notelett';

export class AzureEmulators {
  readonly vault: KeyVaultServer;
  readonly cosmos: CosmosServer;
  readonly #folder: string = mkdtempSync(join(tmpdir(), 'field-encrypt-azure-'));

  private constructor(vault: KeyVaultServer, cosmos: CosmosServer) {
    this.vault = vault;
    this.cosmos = cosmos;
    // Where the process ends without stopping them.
    process.once('exit', () => {
      this.#removeFolder();
    });
  }

  /** With one key of one version, and a database that has an empty `dek_store`. */
  static async start(): Promise<AzureEmulators> {
    const [vault, cosmos] = await Promise.all([KeyVaultServer.start(), CosmosServer.start()]);
    await vault.createKey(MEK_NAME, { size: 2048 });
    // There is one copy of everything: no read is ever behind, and a rotation need not wait for any.
    cosmos.account.consistency = 'Strong';
    const emulators = new AzureEmulators(vault, cosmos);
    const { database } = await cosmos.client().databases.create({ id: DATABASE });
    await ensureDekContainer(database);
    cosmos.clearRequests();
    return emulators;
  }

  /** What a process needs in its environment to use them; the certificate is read as it starts. */
  variables(): Variables {
    const { vault, cosmos } = this;
    return {
      ...vault.identityProvider.environment(),
      NODE_EXTRA_CA_CERTS: this.#certificateFile(),
      // Without it a token that is refused here is asked for at Azure, with whatever login is found.
      AZURE_TOKEN_CREDENTIALS: 'EnvironmentCredential',
      NO_PROXY: [process.env['NO_PROXY'], 'localhost'].filter(Boolean).join(','),
      AZURE_KEYVAULT_URL: vault.url,
      FIELD_ENCRYPT_ENABLED: 'true',
      FIELD_ENCRYPT_PRODUCT: 'notelett',
      FIELD_ENCRYPT_KEY_PROVIDER: 'akv',
      FIELD_ENCRYPT_MEK_NAME: MEK_NAME,
      COSMOS_ENDPOINT: cosmos.endpoint,
      COSMOS_KEY: cosmos.key,
      COSMOS_DATABASE: DATABASE,
    };
  }

  async stop(): Promise<void> {
    await Promise.all([this.cosmos.stop(), this.vault.stop()]);
    this.#removeFolder();
  }

  /** Beside the authorities that processes trust already. */
  #certificateFile(): string {
    const file = join(this.#folder, 'ca.pem');
    const known = process.env['NODE_EXTRA_CA_CERTS'] ?? '';
    const trusted = existsSync(known) ? `${readFileSync(known, 'utf8')}\n` : '';
    writeFileSync(file, trusted + this.vault.ca);
    return file;
  }

  #removeFolder(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
