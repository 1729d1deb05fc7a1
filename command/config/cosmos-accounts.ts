/** Clients of Cosmos DB: one for each account and identity. @module */
import type { Container, CosmosClient, Database } from '@azure/cosmos';
import type { OpeningContext } from './opening.js';
import type { Credential } from './code-values.js';
import { entraCredential, loadCosmos } from './credentials.js';
import type { CosmosSettings } from './settings.js';
import { closeAll } from './sqlite-files.js';
import { at, createdAt, ValueReader } from './value-reader.js';

export interface OpenContainer {
  readonly container: Container;
  readonly database: Database;
  readonly client: CosmosClient;
  /** Equal for two settings that name the same container. */
  readonly identity: string;
  readonly describe: string;
}

interface Access {
  readonly endpoint: string;
  readonly key: string | undefined;
  readonly credential: Credential | undefined;
}

export class CosmosAccounts {
  readonly #context: OpeningContext;
  readonly #clients = new Map<string, Promise<CosmosClient>>();

  constructor(context: OpeningContext) {
    this.#context = context;
  }

  /** @throws UsageError for variables that are not set, and where a package is not installed. */
  async open(path: string, settings: CosmosSettings): Promise<OpenContainer> {
    const reader = new ValueReader(this.#context.config.env);
    const text = (name: 'container' | 'database' | 'endpoint'): string =>
      reader.text(at(path, name), settings[name]);
    const endpoint = text('endpoint');
    const [databaseName, containerName] = [text('database'), text('container')];
    const key = reader.optionalText(at(path, 'key'), settings.key);
    reader.finish();
    const account = createdAt(at(path, 'endpoint'), () => originOf(endpoint));
    const access = { endpoint: account, key, credential: settings.credential };
    const client = await this.#client(path, access);
    const database = client.database(databaseName);
    return {
      client,
      database,
      container: database.container(containerName),
      identity: JSON.stringify([account, databaseName, containerName]),
      describe: `container ${containerName} of the database ${databaseName} of ${account}`,
    };
  }

  close(): Promise<void> {
    return closeAll(this.#clients, (client) => {
      client.dispose();
    });
  }

  #client(path: string, access: Access): Promise<CosmosClient> {
    const { endpoint, key, credential } = access;
    // A credential object has no name: each of them gets its own client.
    const name = JSON.stringify([endpoint, key, credential === undefined ? '' : path]);
    const known = this.#clients.get(name) ?? connect(path, access);
    this.#clients.set(name, known);
    return known;
  }
}

async function connect(path: string, { endpoint, key, credential }: Access): Promise<CosmosClient> {
  const { CosmosClient: Client } = await loadCosmos(path);
  const access =
    key === undefined ? { aadCredentials: await entraCredential(path, credential) } : { key };
  return createdAt(path, () => new Client({ endpoint, ...access }));
}

/** @throws TypeError for another address, which its message does not quote. */
function originOf(endpoint: string): string {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url?.protocol === 'https:') return url.origin;
  throw new TypeError('must be the address of the account, https:// and a host');
}
