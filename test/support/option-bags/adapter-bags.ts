/** Options of the adapters. @module */
import Database from 'libsql';
import { limitKeyProvider } from '../../../src/adapters.js';
import { AkvKeyProvider } from '../../../src/azure/key-vault/index.js';
import {
  CosmosDekStore,
  CosmosDocumentStore,
  ensureDekContainer,
} from '../../../src/azure/cosmos/index.js';
import { SqliteDekStore, SqliteDocumentStore } from '../../../src/sqlite/index.js';
import { NONE, type OptionBag } from './option-bag.js';

const COSMOS = ['clock', 'attemptTimeoutMs', 'onRequest'];

export const ADAPTER_BAGS: readonly OptionBag[] = [
  {
    of: 'limitKeyProvider',
    needed: () => ({ maxOpsPerSecond: 100 }),
    optional: ['maxQueued', 'clock'],
    use: (options, { keyProvider }) => limitKeyProvider(keyProvider, options),
  },
  {
    of: 'SqliteDekStore',
    needed: NONE,
    optional: ['table', 'clock'],
    use: (options) => new SqliteDekStore(new Database(':memory:'), options),
  },
  {
    of: 'SqliteDocumentStore',
    needed: () => ({ table: 'notes', key: ['id'] }),
    optional: ['clock'],
    use: (options) => new SqliteDocumentStore(new Database(':memory:'), options),
  },
  {
    of: 'AkvKeyProvider',
    needed: () => ({
      vaultUrl: 'https://kv1.vault.azure.net',
      mekName: 'mek',
      credential: { getToken: () => Promise.resolve(null) },
    }),
    optional: [
      'id',
      'wrapAlgorithm',
      'wrapMode',
      'mekVersion',
      'stateTtlMs',
      'attemptTimeoutMs',
      'maxAttempts',
      'maxRetryDelayMs',
      'maxOpsPerSecond',
      'clientOptions',
      'insecureAllowLoopback',
      'clock',
    ],
    use: (options) => new AkvKeyProvider(options),
  },
  {
    of: 'CosmosDekStore',
    needed: NONE,
    optional: [...COSMOS, 'readLagMs'],
    use: (options) => new CosmosDekStore({} as never, options),
  },
  {
    of: 'CosmosDocumentStore',
    needed: () => ({ partitionKey: 'workspaceId' }),
    optional: [...COSMOS, 'where'],
    use: (options) => new CosmosDocumentStore({} as never, options),
  },
  {
    of: 'CosmosDocumentStore',
    owner: 'where',
    needed: () => ({ condition: 'c.kind = "note"' }),
    optional: ['parameters'],
    use: (where) => new CosmosDocumentStore({} as never, { partitionKey: 'workspaceId', where }),
  },
  {
    of: 'ensureDekContainer',
    needed: NONE,
    optional: [...COSMOS, 'id', 'throughput', 'signal'],
    use: (options) =>
      ensureDekContainer(
        {
          container: (id: string) => ({
            id,
            database: { id: 'd' },
            read: () =>
              Promise.resolve({ resource: { id, partitionKey: { paths: ['/scopeId'] } } }),
          }),
        } as never,
        options,
      ),
  },
];
