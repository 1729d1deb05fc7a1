/** The configuration as it was read: variables are not read yet, and nothing is opened. @module */
import type { AnyDefinition, AuditSink, DekStore, KeyProvider } from '@bytelyst/field-encrypt';
import type { AnyDocumentStore, Credential, MoveFunction, UpgradeFunction } from './code-values.js';
import type { EnvReference, Text } from './value-reader.js';

export const DRIVERS = ['better-sqlite3', 'libsql', 'node:sqlite'] as const;
export type Driver = (typeof DRIVERS)[number];

export interface KeyVaultSettings {
  readonly type: 'azure-key-vault';
  readonly id?: string | undefined;
  readonly vaultUrl: Text;
  readonly mekName: Text;
  readonly mekVersion?: Text | undefined;
  readonly wrapAlgorithm?: 'A256KW' | 'RSA-OAEP-256' | undefined;
  readonly wrapMode?: 'local' | 'vault' | undefined;
  readonly maxOpsPerSecond?: number | undefined;
  readonly maxQueued?: number | undefined;
  readonly insecureAllowLoopback?: boolean | undefined;
  readonly credential?: Credential | undefined;
}

export interface EnvKeySettings {
  readonly type: 'env';
  readonly id?: string | undefined;
  readonly key: EnvReference;
  readonly previousKeys?: EnvReference | undefined;
}

export type ProviderSettings = EnvKeySettings | KeyVaultSettings;

export interface SqliteSettings {
  readonly type: 'sqlite';
  readonly file: Text;
  readonly driver?: Driver | undefined;
}

export interface CosmosSettings {
  readonly type: 'cosmos';
  readonly endpoint: Text;
  readonly key?: EnvReference | undefined;
  readonly database: Text;
  readonly container: Text;
  readonly credential?: Credential | undefined;
}

export interface SqliteDekSettings extends SqliteSettings {
  readonly table?: Text | undefined;
}

export interface CosmosDekSettings extends CosmosSettings {
  readonly readLagMs?: number | undefined;
}

export type DekStoreSettings = CosmosDekSettings | SqliteDekSettings;

export interface SqliteDocumentSettings extends SqliteSettings {
  readonly table: Text;
}

export interface CosmosDocumentSettings extends CosmosSettings {
  readonly partitionKey: string | string[];
  readonly where?: ConditionSettings | undefined;
}

export interface ConditionSettings {
  readonly condition: string;
  readonly parameters?: Record<string, JsonValue> | undefined;
}

export type JsonValue =
  JsonValue[] | boolean | number | string | { [name: string]: JsonValue } | null;

export type DocumentStoreSettings = CosmosDocumentSettings | SqliteDocumentSettings;

export interface DefinitionSettings {
  readonly key: string[];
  readonly fields: string[];
  readonly stages?: Record<string, 'opening' | 'sealed' | 'sealing'> | undefined;
  readonly former?: string[] | undefined;
}

export interface CollectionSettings {
  readonly definition: AnyDefinition | DefinitionSettings;
  readonly documentStore: AnyDocumentStore | DocumentStoreSettings;
  readonly upgrade?: UpgradeFunction | undefined;
  /** Makes a document of this collection out of one that is moved to it. */
  readonly move?: MoveFunction | undefined;
}

export interface CopySettings {
  readonly dekStore: DekStore | DekStoreSettings;
  readonly collections?: Record<string, AnyDocumentStore | DocumentStoreSettings> | undefined;
}

export type PublicKeySettings = EnvReference | { readonly file: string };

export interface ProductSettings {
  readonly providers?: (KeyProvider | ProviderSettings)[] | undefined;
  readonly dekStore: DekStore | DekStoreSettings;
  readonly recordKey?: EnvReference | undefined;
  readonly previousRecordKeys?: EnvReference | undefined;
  readonly insecureAcceptUnauthenticatedRecords?: boolean | undefined;
  readonly recoveryKey?: PublicKeySettings | undefined;
  readonly minimumEpoch?: number | undefined;
  readonly fenceTtlMs?: number | undefined;
  readonly collections?: Record<string, CollectionSettings> | undefined;
  readonly copies?: Record<string, CopySettings> | undefined;
  readonly retention?:
    { readonly soak?: string | undefined; readonly backupWindow?: string | undefined } | undefined;
}

export interface AuditFileSettings {
  readonly type: 'file';
  readonly file: Text;
  readonly maxBytes?: number | undefined;
}

export interface AuditHttpSettings {
  readonly type: 'http';
  readonly url: Text;
  readonly secrets: EnvReference;
  readonly folder: Text;
  readonly token?: EnvReference | undefined;
  readonly maxBytes?: number | undefined;
}

export type AuditSettings = AuditFileSettings | AuditHttpSettings;

export interface Settings {
  readonly $schema?: string | undefined;
  readonly audit?: AuditSettings | AuditSink | undefined;
  readonly products: Record<string, ProductSettings>;
  readonly reportSecrets?: EnvReference | undefined;
}
