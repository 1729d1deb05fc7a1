/** The database: a SQLite file, or Cosmos DB. @module */
import type { DekStore, DocumentStore } from '@bytelyst/field-encrypt';
import { note, type StoredNote } from '../notes/note.js';
import type { StoreSettings } from './config.js';

export interface Stores {
  readonly dekStore: DekStore;
  readonly notes: DocumentStore<StoredNote>;
  /** After the last request. */
  readonly close: () => void;
}

/** Packages of a database that is not used are not loaded. */
export function openStores(settings: StoreSettings): Promise<Stores> {
  return settings.kind === 'sqlite' ? openSqlite(settings) : openCosmos(settings);
}

async function openSqlite({ file }: StoreSettings & { kind: 'sqlite' }): Promise<Stores> {
  const { default: Database } = await import('libsql');
  const { SqliteDekStore, SqliteDocumentStore } = await import('@bytelyst/field-encrypt/sqlite');
  const database = new Database(file);
  return {
    dekStore: new SqliteDekStore(database),
    notes: new SqliteDocumentStore<StoredNote>(database, { table: 'notes', key: note.key }),
    close: () => {
      database.close();
    },
  };
}

async function openCosmos(settings: StoreSettings & { kind: 'cosmos' }): Promise<Stores> {
  const { CosmosClient } = await import('@azure/cosmos');
  const { CosmosDekStore, CosmosDocumentStore, ensureDekContainer } =
    await import('@bytelyst/field-encrypt/azure/cosmos');
  const { endpoint, key, database: name } = settings;
  const client = new CosmosClient({
    endpoint,
    ...(key === undefined ? { aadCredentials: await azureCredential() } : { key }),
  });
  // A token may use containers, and only the account's key may create them.
  if (key !== undefined) {
    const { database } = await client.databases.createIfNotExists({ id: name });
    await database.containers.createIfNotExists({ id: 'notes', partitionKey: '/workspaceId' });
    await ensureDekContainer(database);
  }
  const database = client.database(name);
  return {
    dekStore: new CosmosDekStore(database.container('dek_store')),
    notes: new CosmosDocumentStore<StoredNote>(database.container('notes'), {
      partitionKey: 'workspaceId',
    }),
    close: () => {
      client.dispose();
    },
  };
}

async function azureCredential() {
  const { DefaultAzureCredential } = await import('@azure/identity');
  return new DefaultAzureCredential();
}
