/** What the command works on, by the variables of the service. */
import { afterEach, describe, expect, it, vi } from 'vitest';

const VAULT = {
  AZURE_KEYVAULT_URL: 'https://new.example',
  FIELD_ENCRYPT_MEK_NAME: 'mek-2',
  COSMOS_ENDPOINT: 'https://notes.example',
  COSMOS_KEY: 'a-key',
};

afterEach(() => {
  vi.unstubAllEnvs();
});

async function productWith(env: Readonly<Record<string, string>>) {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  vi.resetModules();
  const { default: config } =
    await import('../../examples/notes-backend/encrypt-migrate.config.js');
  return config.products['notelett'];
}

describe('the configuration of the command', () => {
  it('has the key and the file for development without any variable', async () => {
    const file = { type: 'sqlite', file: 'notes.db', driver: 'libsql' };
    expect(await productWith({})).toMatchObject({
      providers: [{ type: 'env', key: { env: 'FIELD_ENCRYPT_KEY' } }],
      dekStore: file,
      collections: { notes: { documentStore: { ...file, table: 'notes' } } },
      retention: { soak: '24h', backupWindow: '30d' },
    });
    expect(await productWith({})).not.toHaveProperty('copies');
  });

  it('has every key that the service has, the current one first', async () => {
    const product = await productWith({
      ...VAULT,
      FIELD_ENCRYPT_PREVIOUS_VAULT_KEYS:
        'https://new.example/keys/mek-1,https://old.example/keys/mek',
      FIELD_ENCRYPT_KEY: 'a-key',
    });
    expect(product?.providers).toMatchObject([
      { vaultUrl: 'https://new.example', mekName: 'mek-2' },
      { vaultUrl: 'https://new.example', mekName: 'mek-1' },
      { vaultUrl: 'https://old.example', mekName: 'mek' },
      { type: 'env' },
    ]);
  });

  it('names the variables of keys, and holds none of them', async () => {
    const product = await productWith({
      ...VAULT,
      FIELD_ENCRYPT_RECORD_KEY: 'a-key',
      FIELD_ENCRYPT_RECOVERY_KEY: 'a-key',
    });
    expect(product).toMatchObject({
      recordKey: { env: 'FIELD_ENCRYPT_RECORD_KEY' },
      recoveryKey: { env: 'FIELD_ENCRYPT_RECOVERY_KEY' },
      dekStore: { key: { env: 'COSMOS_KEY' } },
    });
    expect(JSON.stringify(product)).not.toContain('a-key');
  });

  it.each([
    [
      { ...VAULT, RESTORED_COSMOS_DATABASE: 'restored' },
      { endpoint: VAULT.COSMOS_ENDPOINT, database: 'restored', key: { env: 'COSMOS_KEY' } },
    ],
    [
      { ...VAULT, RESTORED_COSMOS_ENDPOINT: 'https://restored.example', RESTORED_COSMOS_KEY: 'k' },
      {
        endpoint: 'https://restored.example',
        database: 'notelett',
        key: { env: 'RESTORED_COSMOS_KEY' },
      },
    ],
    [{ RESTORED_DATABASE_FILE: 'restored.db' }, { type: 'sqlite', file: 'restored.db' }],
  ])('has a restored copy where one is named: %j', async (env, store) => {
    const product = await productWith(env);
    expect(product).toMatchObject({
      copies: { restored: { dekStore: store, collections: { notes: store } } },
    });
  });

  it('has no copy where it would be the database in use', async () => {
    const product = await productWith({ ...VAULT, RESTORED_COSMOS_DATABASE: 'notelett' });
    expect(product).not.toHaveProperty('copies');
  });
});
