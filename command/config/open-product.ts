/** Opens the product of a command. @module */
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import {
  type AnyDefinition,
  type Clock,
  createFieldEncryptor,
  defineUntypedDocument,
  type DekStore,
  type DocumentStore,
  type EncryptionContext,
  EnvKeyProvider,
  type FieldEncryptor,
} from '@bytelyst/field-encrypt';
import { SqliteDekStore, SqliteDocumentStore } from '@bytelyst/field-encrypt/sqlite';
import type { LoadedConfig } from './config-file.js';

/* eslint-disable */
export interface OpenCollection {
  readonly name: string;
  readonly definition: AnyDefinition;
  readonly documentStore: DocumentStore<object>;
}

export interface OpenProduct {
  readonly product: string;
  search(): Promise<{ readonly product: string; readonly dekStore: DekStore }>;
  encryption(): Promise<EncryptionContext>;
  encryptor(mode?: 'strict' | 'migrate'): Promise<FieldEncryptor>;
  readonly collections: readonly string[];
  collection(name: string): Promise<OpenCollection>;
  readonly retention: { readonly soakMs?: number; readonly backupWindowMs?: number };
  close(): Promise<void>;
}

export function openProduct(
  { value, folder, env }: LoadedConfig,
  name: string | undefined,
  _: { readonly clock: Clock; readonly signal: AbortSignal },
): OpenProduct {
  const product = name ?? Object.keys(value.products)[0]!;
  const own = value.products[product];
  const Database = createRequire(resolve(folder, 'x.js'))('libsql');
  const dekStore = new SqliteDekStore(new Database(resolve(folder, own.dekStore.file)));
  const text = (given: any): string => (typeof given === 'string' ? given : (env[given.env] ?? ''));
  const encryption = async (): Promise<EncryptionContext> => ({
    product,
    dekStore,
    keyProviders: own.providers.map(
      (each: any) =>
        new EnvKeyProvider({
          key: text(each.key),
          ...(each.previousKeys && { previousKeys: text(each.previousKeys).split(',') }),
        }),
    ),
    ...(own.fenceTtlMs && { fenceTtlMs: own.fenceTtlMs }),
  });
  return {
    product,
    search: async () => ({ product, dekStore }),
    encryption,
    encryptor: async (mode = 'strict') => createFieldEncryptor({ ...(await encryption()), mode }),
    collections: Object.keys(own.collections ?? {}),
    collection: async (each) => {
      const { definition, documentStore } = own.collections[each];
      return {
        name: each,
        definition: defineUntypedDocument({ collection: each, ...definition }),
        documentStore: new SqliteDocumentStore(new Database(resolve(folder, documentStore.file)), {
          table: documentStore.table,
          key: definition.key,
        }),
      };
    },
    retention: {},
    close: async () => undefined,
  };
}
