/** Stores in Cosmos DB and keys in a vault, as they are configured: on the test servers, by the real SDKs. */
import { randomUUID } from 'node:crypto';
import { registerDefinitions, systemClock, takeCensus } from '@bytelyst/field-encrypt';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Credential } from '../../../command/config/code-values.js';
import { loadConfig, type LoadedConfig } from '../../../command/config/config-file.js';
import { openProduct, type OpenProduct } from '../../../command/config/open-product.js';
import { CosmosServer } from '../../support/azure/cosmos-server.js';
import { KeyVaultServer } from '../../support/azure/key-vault-server.js';
import { CONFIG_FILE, ConfigFolder, DEFINITION } from './config-folder.js';

const MEK_NAME = 'notelett-mek';

let cosmos: CosmosServer;
let vault: KeyVaultServer;
let version: string;
let made: ConfigFolder;
let names: { readonly deks: string; readonly notes: string };
const opened: OpenProduct[] = [];

beforeAll(async () => {
  [cosmos, vault] = await Promise.all([CosmosServer.start(), KeyVaultServer.start()]);
  version = await vault.createKey(MEK_NAME);
});

afterAll(() => Promise.all([cosmos.stop(), vault.stop()]));

beforeEach(async () => {
  // The clients that the configuration makes have no certificate of their own.
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  made = new ConfigFolder();
  const [deks, notes] = [`deks-${randomUUID()}`, `notes-${randomUUID()}`];
  await cosmos.container({ name: deks });
  await cosmos.container({ name: notes, partitionKeyPath: '/workspaceId' });
  names = { deks, notes };
});

afterEach(async () => {
  for (const product of opened.splice(0)) await product.close();
  made[Symbol.dispose]();
  vi.unstubAllEnvs();
});

function account(container: string): object {
  const key = { env: 'ACCOUNT_KEY' };
  return { type: 'cosmos', endpoint: { env: 'ENDPOINT' }, key, database: 'tests', container };
}

function configured(product: object = {}): object {
  return {
    providers: [
      {
        type: 'azure-key-vault',
        vaultUrl: { env: 'VAULT' },
        mekName: MEK_NAME,
        maxOpsPerSecond: 500,
        insecureAllowLoopback: true,
      },
    ],
    dekStore: { ...account(names.deks), readLagMs: 0 },
    collections: {
      notes: {
        definition: DEFINITION,
        documentStore: {
          ...account(names.notes),
          partitionKey: 'workspaceId',
          where: { condition: 'c.kind = @kind', parameters: { '@kind': 'note' } },
        },
      },
    },
    ...product,
  };
}

async function load(product: object): Promise<LoadedConfig> {
  made.write(CONFIG_FILE, { products: { notelett: product } });
  const env = { ENDPOINT: cosmos.endpoint, ACCOUNT_KEY: cosmos.key, VAULT: vault.url };
  return loadConfig({ folder: made.path, env });
}

/** As a configuration in code passes it. */
function withCredential(config: LoadedConfig, credential: Credential): LoadedConfig {
  const { notelett } = config.settings.products;
  const { providers = [], dekStore } = notelett ?? {};
  for (const settings of [...providers, dekStore]) Object.assign(settings ?? {}, { credential });
  return config;
}

function open(config: LoadedConfig): OpenProduct {
  const product = openProduct(config, 'notelett', { clock: systemClock });
  opened.push(product);
  return product;
}

describe('a product in Azure', () => {
  it('is opened by the settings', async () => {
    const product = open(withCredential(await load(configured()), vault.credential()));
    const [encryptor, notes] = [await product.encryptor(), await product.collection('notes')];
    await registerDefinitions(encryptor, product.definitions());
    for (const kind of ['note', 'page']) {
      const note = { workspaceId: 'w', id: kind, kind, title: 'Hi', tags: [] };
      await notes.documentStore.create(await encryptor.encryptDocument(notes.definition, note));
    }
    expect(await takeCensus(await product.search())).toMatchObject({
      active: 2,
      wraps: [{ keyProvider: 'akv', mekName: MEK_NAME, mekVersion: version }],
    });
    expect(await notes.documentStore.count()).toBe(1);
    const database = await product.dekDatabase();
    expect(await database.countNotOn(version, undefined)).toBe(0);
    // The rotation record has a version, too.
    expect(await database.countNotOn('another', undefined)).toBe(3);
    const origin = new URL(cosmos.endpoint).origin;
    expect(database.describe).toBe(`container ${names.deks} of the database tests of ${origin}`);
    expect(database.query(version)).toBe(
      `SELECT VALUE COUNT(1) FROM c WHERE c.mekVersion != "${version}" AND c.product = "notelett"`,
    );
  });

  it('shows the settings of its database', async () => {
    const product = open(await load(configured()));
    const facts = await (await product.dekDatabase()).facts(undefined);
    expect(facts).toEqual({ partitionKeyPaths: ['/scopeId'], hasMultipleWriteRegions: false });
  });

  it('has a client for what no provider reads', async () => {
    const product = open(withCredential(await load(configured()), vault.credential()));
    const [provider] = await product.providers();
    expect(provider).toMatchObject({
      id: 'akv',
      kind: 'azure-key-vault',
      describe: `key ${MEK_NAME} in ${vault.url}`,
      vault: { url: vault.url, mekName: MEK_NAME },
    });
    const client = await provider?.vault?.keyClient();
    expect((await client?.getKey(MEK_NAME))?.properties.version).toBe(version);
  });

  it('is reached by Entra ID where there is no key', async () => {
    const { key: none, ...dekStore } = account(names.deks) as { readonly key: unknown };
    expect(none).toBeDefined();
    const config = await load(configured({ dekStore }));
    const asked: unknown[] = [];
    const getToken = (scopes: unknown) => {
      asked.push(scopes);
      return Promise.resolve({ token: 'token', expiresOnTimestamp: 4_102_444_800_000 });
    };
    const { dekStore: store } = await open(withCredential(config, { getToken })).search();
    expect(await store.count({ product: 'notelett' })).toBe(0);
    expect(asked.length).toBeGreaterThan(0);
  });

  it('is not needed for what does not use it', async () => {
    vault.clearRequests();
    cosmos.clearRequests();
    const product = open(withCredential(await load(configured()), vault.credential()));
    await product.encryption();
    await product.collection('notes');
    expect([vault.requests, cosmos.requests]).toEqual([[], []]);
    await takeCensus(await product.search(), { allowEmpty: true });
    expect(vault.requests).toEqual([]);
  });

  it('is no copy of itself, however its address is written', async () => {
    const endpoint = cosmos.endpoint.replace('localhost', 'LOCALHOST').replace(/\/$/, '');
    const copies = { drill: { dekStore: { ...account(names.deks), endpoint } } };
    await expect(open(await load(configured({ copies }))).copy('drill')).rejects.toThrow(
      'products.notelett.copies.drill.dekStore: is the store in use, container',
    );
  });
});
