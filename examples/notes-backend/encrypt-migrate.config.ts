/** What `npx encrypt-migrate` works on: the keys and the database of the service, from the same variables. */
import { note } from './src/notes/note.js';

const {
  AUDIT_FILE,
  AZURE_ALLOW_LOOPBACK_VAULT,
  AZURE_KEYVAULT_URL,
  COSMOS_DATABASE = 'notelett',
  COSMOS_ENDPOINT,
  COSMOS_KEY,
  DATABASE_FILE = 'notes.db',
  FIELD_ENCRYPT_FENCE_TTL_MS,
  FIELD_ENCRYPT_KEY,
  FIELD_ENCRYPT_MEK_NAME,
  FIELD_ENCRYPT_MINIMUM_EPOCH,
  FIELD_ENCRYPT_PREVIOUS_VAULT_KEYS = '',
  FIELD_ENCRYPT_PRODUCT = 'notelett',
  FIELD_ENCRYPT_RECORD_KEY,
  FIELD_ENCRYPT_RECOVERY_KEY,
  // A restored copy of the database, for `import-rows` and `recovery-drill`.
  RESTORED_COSMOS_DATABASE = COSMOS_DATABASE,
  RESTORED_COSMOS_ENDPOINT = COSMOS_ENDPOINT,
  RESTORED_COSMOS_KEY,
  RESTORED_DATABASE_FILE,
} = process.env;

function vaultKey(vaultUrl: string, mekName: string | undefined) {
  const insecureAllowLoopback = AZURE_ALLOW_LOOPBACK_VAULT === 'true';
  return { type: 'azure-key-vault', vaultUrl, mekName, insecureAllowLoopback };
}

/** Addresses of keys, `https://<vault>/keys/<name>`. */
function vaultKeys(addresses: string) {
  const given = addresses.split(',').filter(Boolean);
  return given.map((address) => {
    const [vaultUrl = '', mekName] = address.trim().split('/keys/');
    return vaultKey(vaultUrl, mekName);
  });
}

const envKeys = {
  type: 'env',
  key: { env: 'FIELD_ENCRYPT_KEY' },
  previousKeys: { env: 'FIELD_ENCRYPT_PREVIOUS_KEYS' },
};

const providers = [
  ...(AZURE_KEYVAULT_URL ? [vaultKey(AZURE_KEYVAULT_URL, FIELD_ENCRYPT_MEK_NAME)] : []),
  ...vaultKeys(FIELD_ENCRYPT_PREVIOUS_VAULT_KEYS),
  ...(FIELD_ENCRYPT_KEY || !AZURE_KEYVAULT_URL ? [envKeys] : []),
];

function cosmos(endpoint: string, database: string, keyVariable: string | undefined) {
  const key = keyVariable && { key: { env: keyVariable } };
  const account = { type: 'cosmos', endpoint, database, ...key };
  return {
    dekStore: { ...account, container: 'dek_store' },
    notes: { ...account, container: 'notes', partitionKey: 'workspaceId' },
  };
}

function sqlite(file: string) {
  const database = { type: 'sqlite', file, driver: 'libsql' };
  return { dekStore: database, notes: { ...database, table: 'notes' } };
}

function storesInUse() {
  if (!COSMOS_ENDPOINT) return sqlite(DATABASE_FILE);
  return cosmos(COSMOS_ENDPOINT, COSMOS_DATABASE, COSMOS_KEY && 'COSMOS_KEY');
}

function restoredStores() {
  if (RESTORED_DATABASE_FILE) return sqlite(RESTORED_DATABASE_FILE);
  const isInUse =
    RESTORED_COSMOS_ENDPOINT === COSMOS_ENDPOINT && RESTORED_COSMOS_DATABASE === COSMOS_DATABASE;
  if (!RESTORED_COSMOS_ENDPOINT || isInUse) return undefined;
  const key = RESTORED_COSMOS_KEY ? 'RESTORED_COSMOS_KEY' : COSMOS_KEY && 'COSMOS_KEY';
  return cosmos(RESTORED_COSMOS_ENDPOINT, RESTORED_COSMOS_DATABASE, key);
}

const stores = storesInUse();
const restored = restoredStores();

export default {
  ...(AUDIT_FILE && { audit: { type: 'file', file: AUDIT_FILE } }),
  products: {
    [FIELD_ENCRYPT_PRODUCT]: {
      providers,
      ...(FIELD_ENCRYPT_RECORD_KEY && {
        recordKey: { env: 'FIELD_ENCRYPT_RECORD_KEY' },
        previousRecordKeys: { env: 'FIELD_ENCRYPT_PREVIOUS_RECORD_KEYS' },
      }),
      ...(FIELD_ENCRYPT_RECOVERY_KEY && { recoveryKey: { env: 'FIELD_ENCRYPT_RECOVERY_KEY' } }),
      ...(FIELD_ENCRYPT_MINIMUM_EPOCH && { minimumEpoch: Number(FIELD_ENCRYPT_MINIMUM_EPOCH) }),
      ...(FIELD_ENCRYPT_FENCE_TTL_MS && { fenceTtlMs: Number(FIELD_ENCRYPT_FENCE_TTL_MS) }),
      dekStore: stores.dekStore,
      collections: { notes: { definition: note, documentStore: stores.notes } },
      ...(restored && {
        copies: {
          restored: { dekStore: restored.dekStore, collections: { notes: restored.notes } },
        },
      }),
      // How long an earlier version of the master key has to rest, and how long backups are kept.
      retention: { soak: '24h', backupWindow: '30d' },
    },
  },
};
