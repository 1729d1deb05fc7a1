import { randomBytes } from 'node:crypto';
import { systemClock } from '@bytelyst/field-encrypt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkConfig } from '../../../command/config/check-config.js';
import { loadConfig, type LoadedConfig } from '../../../command/config/config-file.js';
import { showConfig } from '../../../command/config/show-config.js';
import { CONFIG_FILE, ConfigFolder, DEFINITION, DOCUMENTS, PRODUCT } from './config-folder.js';

const COSMOS = {
  type: 'cosmos',
  endpoint: { env: 'ENDPOINT' },
  key: { env: 'ACCOUNT_KEY' },
  database: 'notelett',
  container: 'content',
};
const CONFIG = {
  products: {
    notelett: {
      providers: [
        { type: 'azure-key-vault', vaultUrl: { env: 'VAULT' }, mekName: 'mek', maxOpsPerSecond: 9 },
        { type: 'env', key: { env: 'MEK' }, previousKeys: { env: 'OLD_MEKS' } },
      ],
      dekStore: { type: 'sqlite', file: 'keys.db', driver: 'libsql' },
      recordKey: { env: 'RECORD_KEY' },
      recoveryKey: { file: 'recovery.pem' },
      minimumEpoch: 3,
      collections: {
        notes: {
          definition: DEFINITION,
          documentStore: {
            ...COSMOS,
            partitionKey: 'workspaceId',
            where: { condition: 'c.kind = @env', parameters: { '@env': 'note' } },
          },
        },
        pages: { definition: { ...DEFINITION, former: ['titel'] }, documentStore: DOCUMENTS },
      },
      copies: { drill: { dekStore: { type: 'sqlite', file: { env: 'DRILL' } } } },
      retention: { soak: '24h' },
    },
  },
  reportSecrets: { env: 'SECRETS' },
};
const ENV = {
  VAULT: 'https://notelett.vault.azure.net',
  ENDPOINT: randomBytes(32).toString('hex'),
  ACCOUNT_KEY: randomBytes(64).toString('base64'),
  MEK: randomBytes(32).toString('base64'),
  RECORD_KEY: randomBytes(32).toString('hex'),
  DRILL: 'copies/drill.db',
  SECRETS: `whsec_${randomBytes(32).toString('base64')}`,
};

let made: ConfigFolder;

beforeEach(() => {
  made = new ConfigFolder();
});

afterEach(() => {
  made[Symbol.dispose]();
});

function load(config: object = CONFIG): Promise<LoadedConfig> {
  made.write(CONFIG_FILE, config);
  return loadConfig({ folder: made.path, env: ENV });
}

describe('the configuration in effect', () => {
  it('has each value with its source, and no secret', async () => {
    const lines = showConfig(await load()).map(({ path, state, value, source }) => {
      const shown = state === 'shown' ? JSON.stringify(value) : state;
      const from = source.kind === 'variable' ? source.name : source.kind;
      return `${path.replace(/^products\.notelett\./, '')} = ${shown} (${from})`;
    });
    expect(lines.map((line) => line.replaceAll(made.path, ''))).toEqual([
      'audit = "none: nothing is recorded" (default)',
      'providers[0].type = "azure-key-vault" (file)',
      'providers[0].vaultUrl = "https://notelett.vault.azure.net" (VAULT)',
      'providers[0].mekName = "mek" (file)',
      'providers[0].maxOpsPerSecond = 9 (file)',
      'providers[0].id = "akv" (default)',
      'providers[0].mekVersion = "the newest in the vault" (default)',
      'providers[0].wrapAlgorithm = "RSA-OAEP-256" (default)',
      'providers[0].wrapMode = "vault" (default)',
      'providers[1].type = "env" (file)',
      'providers[1].key = hidden (MEK)',
      'providers[1].previousKeys = not-set (OLD_MEKS)',
      'providers[1].id = "env" (default)',
      'dekStore.type = "sqlite" (file)',
      'dekStore.file = "/keys.db" (file)',
      'dekStore.driver = "libsql" (file)',
      'dekStore.table = "dek_store" (default)',
      'recordKey = hidden (RECORD_KEY)',
      'minimumEpoch = 3 (file)',
      'fenceTtlMs = 30000 (default)',
      'recoveryKey.file = "/recovery.pem" (file)',
      'collections.notes.definition.key = ["workspaceId","id"] (file)',
      'collections.notes.definition.fields = ["title","tags[]"] (file)',
      'collections.notes.definition.stages = {} (default)',
      'collections.notes.definition.former = [] (default)',
      'collections.notes.documentStore.type = "cosmos" (file)',
      // A key in the variable of something else.
      'collections.notes.documentStore.endpoint = hidden (ENDPOINT)',
      'collections.notes.documentStore.key = hidden (ACCOUNT_KEY)',
      'collections.notes.documentStore.database = "notelett" (file)',
      'collections.notes.documentStore.container = "content" (file)',
      'collections.notes.documentStore.partitionKey = "workspaceId" (file)',
      'collections.notes.documentStore.where = {"condition":"c.kind = @env","parameters":{"@env":"note"}} (file)',
      'collections.pages.definition.key = ["workspaceId","id"] (file)',
      'collections.pages.definition.fields = ["title","tags[]"] (file)',
      'collections.pages.definition.former = ["titel"] (file)',
      'collections.pages.definition.stages = {} (default)',
      'collections.pages.documentStore.type = "sqlite" (file)',
      'collections.pages.documentStore.file = "/notes.db" (file)',
      'collections.pages.documentStore.table = "notes" (file)',
      'collections.pages.documentStore.driver = "libsql" (default)',
      'copies.drill.dekStore.type = "sqlite" (file)',
      'copies.drill.dekStore.file = "/copies/drill.db" (DRILL)',
      'copies.drill.dekStore.table = "dek_store" (default)',
      'copies.drill.dekStore.driver = "libsql" (default)',
      'retention.soak = "24h" (file)',
      'reportSecrets = hidden (SECRETS)',
    ]);
  });

  it('is of one product where that is asked for', async () => {
    const loaded = await load({ products: { ...CONFIG.products, journal: PRODUCT } });
    const paths = showConfig(loaded, 'journal').map(({ path }) => path);
    const others = paths.filter((path) => !path.startsWith('products.journal.'));
    expect(others).toEqual(['audit']);
    expect(paths).toContain('products.journal.dekStore.file');
    expect(showConfig(loaded).length).toBeGreaterThan(paths.length);
  });
});

describe('the check of the configuration', () => {
  it('opens every part, and asks no service', async () => {
    made.database('keys.db');
    made.database('notes.db');
    const collections = { notes: { definition: DEFINITION, documentStore: DOCUMENTS } };
    const loaded = await load({
      products: { notelett: { ...PRODUCT, collections }, journal: PRODUCT },
    });
    expect(await checkConfig(loaded, systemClock)).toEqual({
      parts: [
        { path: 'products.notelett.dekStore', is: `table dek_store of ${made.path}/keys.db` },
        { path: 'products.notelett.providers[0]', is: 'keys in MEK' },
        { path: 'products.notelett.collections.notes', is: `table notes of ${made.path}/notes.db` },
        { path: 'products.journal.dekStore', is: `table dek_store of ${made.path}/keys.db` },
        { path: 'products.journal.providers[0]', is: 'keys in MEK' },
      ],
      problems: [],
    });
  });

  it('names everything that is not there, each once', async () => {
    const { problems } = await checkConfig(await load(), systemClock);
    const missing = (path: string, file: string) =>
      `products.notelett.${path}.file: ${file} is not there: SQLite would create an empty one; correct the path, which is relative to the configuration file`;
    expect(problems).toEqual([
      missing('dekStore', `${made.path}/keys.db`),
      `products.notelett.recoveryKey.file: ${made.path}/recovery.pem cannot be read (ENOENT): correct the path, which is relative to the configuration file`,
      'products.notelett.collections.notes.documentStore.endpoint: must be the address of the account, https:// and a host',
      missing('collections.pages.documentStore', `${made.path}/notes.db`),
      missing('copies.drill.dekStore', 'the file of the variable DRILL'),
    ]);
  });
});
