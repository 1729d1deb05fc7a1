/** What counts where the configuration says nothing. @module */
import type { JsonValue } from './settings.js';
import { installedDriver } from './sqlite-drivers.js';
import { DEFAULT_DEK_TABLE } from './stores.js';

export type DefaultValues = Readonly<Record<string, JsonValue>>;

export const PRODUCT_DEFAULTS: DefaultValues = {
  recordKey: 'none: records are not authenticated',
  recoveryKey: 'none: a lost MEK loses every document',
  minimumEpoch: 1,
  fenceTtlMs: 30_000,
};

const KEY_VAULT: DefaultValues = {
  id: 'akv',
  mekVersion: 'the newest in the vault',
  wrapAlgorithm: 'RSA-OAEP-256',
  wrapMode: 'vault',
  maxOpsPerSecond: 'no limit',
};

export function providerDefaults(type: string): DefaultValues {
  return type === 'env' ? { id: 'env', previousKeys: 'none' } : KEY_VAULT;
}

export function auditDefaults(type: string): DefaultValues {
  const maxBytes = 67_108_864;
  return type === 'http' ? { token: 'none', maxBytes } : { maxBytes };
}

export function dekStoreDefaults(type: string, folder: string): DefaultValues {
  return type === 'sqlite'
    ? { table: DEFAULT_DEK_TABLE, ...sqliteDefaults(folder) }
    : { ...COSMOS, readLagMs: 5_000 };
}

export function documentStoreDefaults(type: string, folder: string): DefaultValues {
  return type === 'sqlite' ? sqliteDefaults(folder) : { ...COSMOS, where: 'every item' };
}

const COSMOS: DefaultValues = { key: 'none: Entra ID, by the default credential' };

function sqliteDefaults(folder: string): DefaultValues {
  return { driver: installedDriver(folder) ?? 'none is installed' };
}
