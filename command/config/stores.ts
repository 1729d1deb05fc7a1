/** Opens the stores of the configuration. @module */
import type { AnyDefinition, DekStore } from '@bytelyst/field-encrypt';
import {
  SqliteDekStore,
  SqliteDocumentStore,
  type SqliteHandle,
} from '@bytelyst/field-encrypt/sqlite';
import { UsageError } from '../command-line/usage-error.js';
import { DEK_STORE, DOCUMENT_STORE, type AnyDocumentStore } from './code-values.js';
import { CosmosAccounts } from './cosmos-accounts.js';
import {
  cosmosDatabase,
  objectDatabase,
  sqliteDatabase,
  type DekDatabase,
} from './dek-database.js';
import type { OpeningContext } from './opening.js';
import type {
  CosmosDocumentSettings,
  DekStoreSettings,
  DocumentStoreSettings,
  SqliteDocumentSettings,
} from './settings.js';
import { hasTable, SqliteFiles } from './sqlite-files.js';
import { at, createdAt, ValueReader, type Text } from './value-reader.js';

export const DEFAULT_DEK_TABLE = 'dek_store';

export interface OpenStore<Store> {
  readonly store: Store;
  /** Equal for two stores that are the same place. */
  readonly identity: unknown;
  /** Where it is, for people. */
  readonly describe: string;
}

export interface OpenDekStore extends OpenStore<DekStore> {
  readonly database: DekDatabase;
}

/** Where a store is in the configuration, and whose it is. */
export interface StorePlace {
  readonly path: string;
  readonly product: string;
}

export class Stores {
  readonly #context: OpeningContext;
  readonly #files: SqliteFiles;
  readonly #accounts: CosmosAccounts;

  constructor(context: OpeningContext) {
    this.#context = context;
    this.#files = new SqliteFiles(context);
    this.#accounts = new CosmosAccounts(context);
  }

  async dekStore(
    { path, product }: StorePlace,
    settings: DekStore | DekStoreSettings,
  ): Promise<OpenDekStore> {
    const { clock } = this.#context;
    if (DEK_STORE.is(settings)) {
      const describe = describeObject(settings);
      const database = objectDatabase(describe);
      return { store: settings, identity: settings, describe, database };
    }
    if (settings.type === 'sqlite') {
      const table = this.#text(at(path, 'table'), settings.table ?? DEFAULT_DEK_TABLE);
      const file = await this.#files.open(path, settings);
      const make = (handle: SqliteHandle): SqliteDekStore =>
        createdAt(path, () => new SqliteDekStore(handle, { table, clock }));
      const store = make(await file.handleFor(table, (empty) => make(empty).count({ product })));
      const database = sqliteDatabase(file, table, product);
      return {
        store,
        identity: `${file.identity}/${table}`,
        describe: database.describe,
        database,
      };
    }
    const opened = await this.#accounts.open(path, settings);
    const { CosmosDekStore } = await import('@bytelyst/field-encrypt/azure/cosmos');
    const { readLagMs } = settings;
    const store = createdAt(path, () => new CosmosDekStore(opened.container, { clock, readLagMs }));
    const { identity, describe } = opened;
    return { store, identity, describe, database: cosmosDatabase(opened, product) };
  }

  async documentStore(
    path: string,
    settings: AnyDocumentStore | DocumentStoreSettings,
    definition: AnyDefinition,
  ): Promise<OpenStore<AnyDocumentStore>> {
    if (DOCUMENT_STORE.is(settings)) {
      return { store: settings, identity: settings, describe: describeObject(settings) };
    }
    if (settings.type === 'sqlite') return this.#sqliteDocuments(path, settings, definition);
    return this.#cosmosDocuments(path, settings);
  }

  async close(): Promise<void> {
    await this.#files.close();
    await this.#accounts.close();
  }

  async #sqliteDocuments(
    path: string,
    settings: SqliteDocumentSettings,
    { key }: AnyDefinition,
  ): Promise<OpenStore<AnyDocumentStore>> {
    const { clock, mayMakeTables } = this.#context;
    const table = this.#text(at(path, 'table'), settings.table);
    const file = await this.#files.open(path, settings);
    // The store would create the table, and a misspelt collection would count as done.
    if (!mayMakeTables && !hasTable(file.handle, table)) {
      throw new UsageError(
        `${at(path, 'table')}: the file has no table ${table}: correct the name; the application creates the table with its first document`,
      );
    }
    const make = (handle: SqliteHandle): SqliteDocumentStore =>
      createdAt(path, () => new SqliteDocumentStore(handle, { table, key, clock }));
    const store = make(await file.handleFor(table, (empty) => make(empty).count()));
    const describe = `table ${table} of ${file.file}`;
    return { store, identity: `${file.identity}/${table}`, describe };
  }

  async #cosmosDocuments(
    path: string,
    settings: CosmosDocumentSettings,
  ): Promise<OpenStore<AnyDocumentStore>> {
    const { clock } = this.#context;
    const { container, identity, describe } = await this.#accounts.open(path, settings);
    const { CosmosDocumentStore } = await import('@bytelyst/field-encrypt/azure/cosmos');
    const { partitionKey, where } = settings;
    const condition = where && {
      condition: where.condition,
      ...(where.parameters && { parameters: where.parameters }),
    };
    const options = { clock, partitionKey, ...(condition && { where: condition }) };
    const store = createdAt(path, () => new CosmosDocumentStore(container, options));
    return { store, identity, describe };
  }

  #text(path: string, value: Text): string {
    const reader = new ValueReader(this.#context.config.env);
    const text = reader.text(path, value);
    reader.finish();
    return text;
  }
}

/** Its class is part of the program, and no data. */
export function describeObject(object: object): string {
  const { name } = object.constructor;
  if (name === 'Object' || name === '') return 'an object of the configuration';
  return `${name} object`;
}
