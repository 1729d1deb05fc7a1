import { CosmosClient, type Container, type SqlQuerySpec } from '@azure/cosmos';
import type { KeyWrap } from '@bytelyst/field-encrypt/adapters';
import { codeOf } from './forgeries.js';
import type { Claim } from './claims.js';
import { openNotebook } from './notebook.js';
import { filesIn, passagesFoundIn } from './plain-passages.js';
import { askForServerFigures, sayServerFigures, type ServerFigures } from './server-figures.js';
import type { Observations, Setting, Variables } from './setting.js';
import type { Say } from './stage.js';
import { storedDigest, type StoredBytes } from './stored-bytes.js';
import { VaultOperator } from './vault-operator.js';

type Item = Readonly<Record<string, unknown>>;

/** Keys in Key Vault, notes and DEKs in Cosmos DB; where they are, the environment says. */
export class AzureSetting implements Setting {
  readonly introduction: readonly string[] = [
    'Key Vault, its identity provider and Cosmos DB are servers on this machine. Every process of the',
    'demo speaks to them over HTTPS, through the SDKs of Azure. The notes are those of Europe alone:',
    'for each query, this Cosmos DB looks at every item.\n',
  ];
  readonly cachedKeys = 100;
  readonly everywhere = 'in any item or file';
  readonly place: string = process.env['COSMOS_ENDPOINT'] ?? '';
  readonly oldKeyAlone: Variables = process.env;
  readonly #folder: string;
  readonly #say: Say;
  readonly #operator = new VaultOperator();
  readonly #dekStore: Container;
  readonly #notes: Container;

  constructor(folder: string, say: Say) {
    this.#folder = folder;
    this.#say = say;
    const client = new CosmosClient({
      endpoint: this.place,
      key: process.env['COSMOS_KEY'] ?? '',
      connectionPolicy: { enableBackgroundEndpointRefreshing: false },
    });
    const database = client.database(process.env['COSMOS_DATABASE'] ?? '');
    this.#dekStore = database.container('dek_store');
    this.#notes = database.container('notes');
  }

  /** What Cosmos DB replaces is gone, but for its backups: nothing here has any. */
  eraseWhatWasReplaced(): Promise<void> {
    return Promise.resolve();
  }

  /** The processes find it in the vault; no message names it. */
  async addNewKey(): Promise<Variables> {
    await this.#operator.rotateKey();
    return process.env;
  }

  async withdrawOldKey(): Promise<Variables> {
    await this.#operator.disableOldVersion();
    this.#say('   The old version is disabled in the vault.');
    return process.env;
  }

  async readStoredBytes(): Promise<StoredBytes> {
    const items = await all(this.#notes);
    return new Map(items.map(entryOf));
  }

  async countKeysUnder(mekVersion: string): Promise<number> {
    return this.#countKeys({
      query: 'SELECT VALUE COUNT(1) FROM c WHERE c.mekVersion = @mekVersion',
      parameters: [{ name: '@mekVersion', value: mekVersion }],
    });
  }

  async countShreddedKeys(): Promise<number> {
    return this.#countKeys("SELECT VALUE COUNT(1) FROM c WHERE c.state = 'shredded'");
  }

  async #countKeys(query: SqlQuerySpec | string): Promise<number> {
    const [total] = await all<number>(this.#dekStore, query);
    if (total === undefined) throw new Error('Cosmos DB did not count');
    return total;
  }

  async findInClear(passages: readonly string[]): Promise<readonly string[]> {
    const items = [...(await all(this.#notes)), ...(await all(this.#dekStore))];
    const contents = [...filesIn(this.#folder), ...items.map((item) => JSON.stringify(item))];
    return passagesFoundIn(contents, passages);
  }

  async observe(): Promise<Observations> {
    const refusal = await this.#refusalOfOldVersion();
    const figures = await askForServerFigures();
    sayServerFigures(figures, this.#operator.oldVersion, this.#say);
    return { claims: [refusalClaim(refusal), tokenClaim(figures)], figures };
  }

  /** @returns An error code, or undefined where the vault still unwraps what a row kept of it. */
  async #refusalOfOldVersion(): Promise<string | undefined> {
    const [row] = await all<{ previousWrap: KeyWrap }>(this.#dekStore, {
      query: 'SELECT TOP 1 * FROM c WHERE IS_DEFINED(c.previousWrap)',
    });
    const { encryptor, close } = await openNotebook(this.place);
    const [provider] = encryptor.keyProviders;
    if (!row || !provider) throw new Error('There is no earlier wrap to try');
    try {
      return await provider.unwrapKey(row.previousWrap).then(() => undefined, codeOf);
    } finally {
      close();
    }
  }
}

function refusalClaim(code: string | undefined): Claim {
  const claim = `the vault refuses the old version, once it is disabled: ${code ?? 'IT DOES NOT'}`;
  return [claim, code === 'MEK_DISABLED'];
}

function tokenClaim(figures: ServerFigures): Claim {
  const { vaultRequestsWithoutToken: all, vaultBodiesWithoutToken: bodies } = figures;
  const claim = `no request to the vault without a token had a body: ${String(bodies)} of ${String(all)}`;
  return [claim, all > 0 && bodies === 0];
}

async function all<T = Item>(
  container: Container,
  query: SqlQuerySpec | string = 'SELECT * FROM c',
): Promise<T[]> {
  return (await container.items.query<T>(query, { maxItemCount: 1_000 }).fetchAll()).resources;
}

function entryOf(item: Item): [key: string, digest: string] {
  const { workspaceId, id, _etag: etag } = item;
  return [JSON.stringify([workspaceId, id]), storedDigest(String(etag), JSON.stringify(item))];
}
