/** Options of the adapters. @module */
import Database from 'libsql';
import { limitKeyProvider } from '../../../src/adapters.js';
import { AkvKeyProvider } from '../../../src/azure/key-vault/index.js';
import {
  FileAuditSink,
  HttpAuditSink,
  signWebhook,
  verifyWebhook,
} from '../../../src/audit-sinks/index.js';
import {
  CosmosDekStore,
  CosmosDocumentStore,
  ensureDekContainer,
} from '../../../src/azure/cosmos/index.js';
import { instrumentEncryption } from '../../../src/otel/index.js';
import { SqliteDekStore, SqliteDocumentStore } from '../../../src/sqlite/index.js';
import { NONE, type OptionBag } from './option-bag.js';

const SECRETS = [`whsec_${Buffer.alloc(32, 7).toString('base64')}`];
const SIGNED = { secrets: SECRETS, id: 'event-1', timestamp: 1, body: '{}' };
const SERVICE = { url: 'http://localhost:9/', secrets: SECRETS, folder: 'no-such-folder' };

const COSMOS = ['clock', 'attemptTimeoutMs', 'onRequest'];

export const ADAPTER_BAGS: readonly OptionBag[] = [
  {
    of: 'instrumentEncryption',
    needed: NONE,
    optional: [
      'meterProvider',
      'tracerProvider',
      'requireParentSpan',
      'encryptors',
      'auditSinks',
      'clock',
    ],
    use: (options) => {
      instrumentEncryption(options).stop();
    },
  },
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
  {
    of: 'FileAuditSink',
    needed: () => ({ file: 'no-such-folder/audit.jsonl' }),
    optional: ['maxBytes', 'clock'],
    use: (options) => new FileAuditSink(options).close(),
  },
  {
    of: 'HttpAuditSink',
    needed: () => SERVICE,
    optional: ['maxBytes', 'authorization', 'timeoutMs', 'clock'],
    use: (options) => new HttpAuditSink(options).close(),
  },
  {
    of: 'HttpAuditSink.flush',
    needed: NONE,
    optional: ['timeoutMs', 'signal'],
    use: async (options) => {
      const sink = new HttpAuditSink(SERVICE);
      await sink.flush(options).finally(() => sink.close());
    },
  },
  {
    of: 'signWebhook',
    needed: () => SIGNED,
    optional: [],
    use: (options) => signWebhook(options),
  },
  {
    of: 'verifyWebhook',
    needed: () => ({ ...SIGNED, signature: '', toleranceMs: 0 }),
    optional: ['clock'],
    use: (options) => verifyWebhook(options),
  },
];
