/** The vault and the account that the live tests are given, through the SDKs as users have them. @module */
import { CosmosClient, type Database } from '@azure/cosmos';
import { DefaultAzureCredential } from '@azure/identity';
import { KeyClient } from '@azure/keyvault-keys';
import { AkvKeyProvider, type AkvKeyProviderOptions } from '../../src/azure/key-vault/index.js';
import { BreakableAgent } from './breakable-agent.js';
import type { LiveSettings } from './live-settings.js';
import { TestContainer } from './test-container.js';

/** A client of its own: what another process would have. */
export interface CosmosAccess {
  readonly client: CosmosClient;
  readonly agent: BreakableAgent;
  readonly database: Database;
  readonly deks: TestContainer;
  readonly documents: TestContainer;
  close(): void;
}

export class LiveAzure {
  readonly settings: LiveSettings;
  /** Shared, so that a token is asked for once. */
  readonly credential: DefaultAzureCredential = new DefaultAzureCredential();
  #accesses: readonly CosmosAccess[] = [];

  constructor(settings: LiveSettings) {
    this.settings = settings;
  }

  keyClient(): KeyClient {
    const { vaultUrl, allowsLoopback } = this.settings;
    return new KeyClient(vaultUrl, this.credential, {
      disableChallengeResourceVerification: allowsLoopback,
    });
  }

  keyProvider(options: Partial<AkvKeyProviderOptions> = {}): AkvKeyProvider {
    const { vaultUrl, mekName, allowsLoopback } = this.settings;
    const { credential } = this;
    return new AkvKeyProvider({
      vaultUrl,
      mekName,
      credential,
      insecureAllowLoopback: allowsLoopback,
      ...options,
    });
  }

  cosmos(): CosmosAccess {
    const { cosmosEndpoint: endpoint, cosmosKey: key, ...names } = this.settings;
    const agent = new BreakableAgent();
    const client = new CosmosClient({
      endpoint,
      agent,
      ...(key === undefined ? { aadCredentials: this.credential } : { key }),
    });
    const database = client.database(names.database);
    const access: CosmosAccess = {
      client,
      agent,
      database,
      deks: new TestContainer(database.container(names.dekContainer), 'scopeId'),
      documents: new TestContainer(database.container(names.documentsContainer), 'workspaceId'),
      close: () => {
        client.dispose();
        agent.destroy();
      },
    };
    this.#accesses = [...this.#accesses, access];
    return access;
  }

  close(): void {
    for (const access of this.#accesses) access.close();
  }
}
