/** What `npx encrypt-migrate` works on: the keys and the database of the service, from the same variables. */
import { note } from './src/notes/note.js';

const {
  AUDIT_FILE,
  AZURE_KEYVAULT_URL,
  COSMOS_DATABASE = 'notelett',
  COSMOS_ENDPOINT,
  COSMOS_KEY,
  DATABASE_FILE = 'notes.db',
  FIELD_ENCRYPT_MEK_NAME,
  FIELD_ENCRYPT_PRODUCT = 'notelett',
  FIELD_ENCRYPT_RECORD_KEY,
} = process.env;

const provider = AZURE_KEYVAULT_URL
  ? { type: 'azure-key-vault', vaultUrl: AZURE_KEYVAULT_URL, mekName: FIELD_ENCRYPT_MEK_NAME }
  : {
      type: 'env',
      key: { env: 'FIELD_ENCRYPT_KEY' },
      previousKeys: { env: 'FIELD_ENCRYPT_PREVIOUS_KEYS' },
    };

const database = COSMOS_ENDPOINT
  ? {
      type: 'cosmos',
      endpoint: COSMOS_ENDPOINT,
      database: COSMOS_DATABASE,
      ...(COSMOS_KEY && { key: { env: 'COSMOS_KEY' } }),
    }
  : { type: 'sqlite', file: DATABASE_FILE, driver: 'libsql' };

export default {
  ...(AUDIT_FILE && { audit: { type: 'file', file: AUDIT_FILE } }),
  products: {
    [FIELD_ENCRYPT_PRODUCT]: {
      providers: [provider],
      ...(FIELD_ENCRYPT_RECORD_KEY && {
        recordKey: { env: 'FIELD_ENCRYPT_RECORD_KEY' },
        previousRecordKeys: { env: 'FIELD_ENCRYPT_PREVIOUS_RECORD_KEYS' },
      }),
      dekStore: { ...database, ...(COSMOS_ENDPOINT && { container: 'dek_store' }) },
      collections: {
        notes: {
          definition: note,
          documentStore: {
            ...database,
            ...(COSMOS_ENDPOINT
              ? { container: 'notes', partitionKey: 'workspaceId' }
              : { table: 'notes' }),
          },
        },
      },
    },
  },
};
