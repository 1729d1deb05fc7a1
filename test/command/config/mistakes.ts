/** Wrong configurations, and what is said of each. @module */
import { DEFINITION, DOCUMENTS, PRODUCT } from './config-folder.js';

export interface Mistake {
  readonly what: string;
  /** Of the one product, `notelett`. */
  readonly product: object;
  readonly message: string;
}

/** In the form of a key, and nothing that any message may quote. */
export const SECRET = 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ=';

const COSMOS = {
  type: 'cosmos',
  endpoint: 'https://notelett.documents.azure.com',
  database: 'notelett',
  container: 'dek_store',
};
const VAULT = {
  type: 'azure-key-vault',
  vaultUrl: 'https://notelett.vault.azure.net',
  mekName: 'notelett-mek',
};

function withParts(parts: object): object {
  return { ...PRODUCT, ...parts };
}

function withVault(parts: object): object {
  return withParts({ providers: [{ ...VAULT, ...parts }] });
}

function withNotes(parts: object): object {
  const notes = { definition: DEFINITION, documentStore: DOCUMENTS, ...parts };
  return withParts({ collections: { notes } });
}

function mistake(what: string, product: object, path: string, words: string): Mistake {
  return { what, product, message: `products.notelett${path}: ${words}` };
}

const LITERAL_KEY =
  'a key may not be in the configuration: put it in an environment variable, and write { "env": "NAME" }';
const TEXT = 'text, or { "env": "NAME" }';
const KNOWN_OF_PRODUCT =
  'providers, dekStore, recordKey, previousRecordKeys, insecureAcceptUnauthenticatedRecords, recoveryKey, minimumEpoch, fenceTtlMs, collections, copies, retention';

export const MISTAKES: readonly Mistake[] = [
  mistake(
    'no DEK store',
    { providers: PRODUCT.providers },
    '.dekStore',
    'is missing: expected an object',
  ),
  mistake(
    'a DEK store that is text',
    withParts({ dekStore: SECRET }),
    '.dekStore',
    'expected an object, got text',
  ),
  mistake(
    'a store of no type',
    withParts({ dekStore: { file: 'a.db' } }),
    '.dekStore.type',
    'is missing: expected "sqlite" or "cosmos"',
  ),
  mistake(
    'a store of another type',
    withParts({ dekStore: { type: SECRET } }),
    '.dekStore.type',
    'must be "sqlite" or "cosmos"',
  ),
  mistake(
    'a SQLite store without a file',
    withParts({ dekStore: { type: 'sqlite' } }),
    '.dekStore.file',
    `is missing: expected ${TEXT}`,
  ),
  mistake(
    'an empty file name',
    withParts({ dekStore: { type: 'sqlite', file: '' } }),
    '.dekStore.file',
    'may not be empty',
  ),
  mistake(
    'a file that is a number',
    withParts({ dekStore: { type: 'sqlite', file: 5 } }),
    '.dekStore.file',
    `expected ${TEXT}, got a number`,
  ),
  mistake(
    'a table with a quote',
    withParts({ dekStore: { type: 'sqlite', file: 'a.db', table: 'a"b' } }),
    '.dekStore.table',
    'must be a name of at most 63 letters, digits and _, no digit first',
  ),
  mistake(
    'another driver',
    withParts({ dekStore: { type: 'sqlite', file: 'a.db', driver: 'sqlite3' } }),
    '.dekStore.driver',
    'must be "better-sqlite3" or "libsql" or "node:sqlite"',
  ),
  mistake(
    'a misspelt key of a store',
    withParts({ dekStore: { type: 'sqlite', file: 'a.db', tabel: 'x' } }),
    '.dekStore',
    'unknown key "tabel": did you mean table?',
  ),
  mistake(
    'a key of another store',
    withParts({ dekStore: { ...COSMOS, file: 'a.db' } }),
    '.dekStore',
    'unknown key "file"; known are type, endpoint, key, database, container, readLagMs',
  ),
  mistake(
    'an endpoint without https',
    withParts({ dekStore: { ...COSMOS, endpoint: `http://${SECRET}` } }),
    '.dekStore.endpoint',
    'must be the address of the account, https:// and a host',
  ),
  mistake(
    'a literal key of an account',
    withParts({ dekStore: { ...COSMOS, key: SECRET } }),
    '.dekStore.key',
    LITERAL_KEY,
  ),
  mistake(
    'a read lag below zero',
    withParts({ dekStore: { ...COSMOS, readLagMs: -1 } }),
    '.dekStore.readLagMs',
    'must be 0 or more',
  ),
  mistake(
    'no providers in the list',
    withParts({ providers: [] }),
    '.providers',
    'may not be empty',
  ),
  mistake(
    'providers that are no list',
    withParts({ providers: VAULT }),
    '.providers',
    'expected a list, got an object',
  ),
  mistake(
    'a provider of another type',
    withParts({ providers: [{ type: 'aws' }] }),
    '.providers[0].type',
    'must be "azure-key-vault" or "env"',
  ),
  mistake(
    'a literal MEK',
    withParts({ providers: [{ type: 'env', key: SECRET }] }),
    '.providers[0].key',
    LITERAL_KEY,
  ),
  mistake(
    'a key in place of the name of its variable',
    withParts({ providers: [{ type: 'env', key: { env: SECRET } }] }),
    '.providers[0].key.env',
    'must be the name of an environment variable',
  ),
  mistake(
    'a hexadecimal key in that place',
    withParts({ recordKey: { env: 'ab'.repeat(32) } }),
    '.recordKey.env',
    'must be the name of an environment variable, not a key',
  ),
  mistake(
    'a misspelt reference',
    withParts({ recordKey: { [SECRET]: 'env', env: 'RECORD_KEY' } }),
    '.recordKey',
    'expected { "env": "NAME" }, the variable that holds the key, got an object',
  ),
  mistake(
    'a vault with a path',
    withVault({ vaultUrl: `https://a.vault.azure.net/keys/${SECRET}` }),
    '.providers[0].vaultUrl',
    'must be https:// and a host, without path or query',
  ),
  mistake(
    'a MEK name with its version',
    withVault({ mekName: 'notelett-mek/1' }),
    '.providers[0].mekName',
    'must be letters, digits and dashes, without a version',
  ),
  mistake(
    'another MEK version',
    withVault({ mekVersion: 'latest' }),
    '.providers[0].mekVersion',
    'must be 32 lowercase hex digits',
  ),
  mistake(
    'no operations at all',
    withVault({ maxOpsPerSecond: 0 }),
    '.providers[0].maxOpsPerSecond',
    'must be more than 0',
  ),
  mistake(
    'a credential in JSON',
    withVault({ credential: {} }),
    '.providers[0]',
    '"credential" needs a configuration in code, .ts or .mjs',
  ),
  mistake(
    'two providers of one name',
    withParts({ providers: [VAULT, PRODUCT.providers[0], VAULT] }),
    '.providers[2]',
    'has the id and the MEK name of products.notelett.providers[0]: give one of them another "id"',
  ),
  mistake('a literal record key', withParts({ recordKey: SECRET }), '.recordKey', LITERAL_KEY),
  mistake(
    'previous record keys alone',
    withParts({ previousRecordKeys: { env: 'OLD' } }),
    '.previousRecordKeys',
    'protects nothing without a recordKey: configure that too',
  ),
  mistake(
    'a recovery key in the file',
    withParts({ recoveryKey: `-----BEGIN ${SECRET}` }),
    '.recoveryKey',
    'expected { "env": "NAME" } or { "file": "FILE" }, where the PEM of the public key is, got text',
  ),
  mistake(
    'an epoch that is no integer',
    withParts({ minimumEpoch: 1.5 }),
    '.minimumEpoch',
    'must be a whole number',
  ),
  mistake(
    'a fence that is too short',
    withParts({ fenceTtlMs: 10 }),
    '.fenceTtlMs',
    'must be 1000 or more',
  ),
  mistake(
    'a switch that is text',
    withParts({ recordKey: { env: 'R' }, insecureAcceptUnauthenticatedRecords: 'yes' }),
    '.insecureAcceptUnauthenticatedRecords',
    'expected true or false, got text',
  ),
  mistake(
    'a misspelt key of a product',
    withParts({ recordkey: { env: 'R' } }),
    '',
    'unknown key "recordkey": did you mean recordKey?',
  ),
  mistake(
    'a key of nothing',
    withParts({ vault: VAULT }),
    '',
    `unknown key "vault"; known are ${KNOWN_OF_PRODUCT}`,
  ),
  mistake(
    'a collection without a definition',
    withParts({ collections: { notes: { documentStore: DOCUMENTS } } }),
    '.collections.notes.definition',
    'is missing: expected an object',
  ),
  mistake(
    'a collection without a store',
    withParts({ collections: { notes: { definition: DEFINITION } } }),
    '.collections.notes.documentStore',
    'is missing: expected an object',
  ),
  mistake(
    'a definition without a field',
    withNotes({ definition: { key: ['id'], fields: [] } }),
    '.collections.notes.definition.fields',
    'may not be empty',
  ),
  mistake(
    'a stage of another name',
    withNotes({ definition: { ...DEFINITION, stages: { title: 'open' } } }),
    '.collections.notes.definition.stages.title',
    'must be "sealed" or "sealing" or "opening"',
  ),
  mistake(
    'a field of the key',
    withNotes({ definition: { key: ['id'], fields: ['id'] } }),
    '.collections.notes.definition',
    'The field path "id" is part of the document\'s key',
  ),
  mistake(
    'fields that overlap',
    withNotes({ definition: { key: ['id'], fields: ['tags', 'tags[]'] } }),
    '.collections.notes.definition',
    'The field paths "tags" and "tags[]" overlap',
  ),
  mistake(
    'a document store without a table',
    withNotes({ documentStore: { type: 'sqlite', file: 'a.db' } }),
    '.collections.notes.documentStore.table',
    `is missing: expected ${TEXT}`,
  ),
  mistake(
    'a document store without a partition key',
    withNotes({ documentStore: COSMOS }),
    '.collections.notes.documentStore.partitionKey',
    'is missing: expected the name of a property, or a list of names',
  ),
  mistake(
    'an upgrade in JSON',
    withNotes({ upgrade: 'upgrade.js' }),
    '.collections.notes',
    '"upgrade" needs a configuration in code, .ts or .mjs',
  ),
  mistake(
    'a move in JSON',
    withNotes({ move: 'move.js' }),
    '.collections.notes',
    '"move" needs a configuration in code, .ts or .mjs',
  ),
  mistake(
    'a copy of an unknown collection',
    withParts({
      collections: { notes: { definition: DEFINITION, documentStore: DOCUMENTS } },
      copies: { drill: { dekStore: PRODUCT.dekStore, collections: { note: DOCUMENTS } } },
    }),
    '.copies.drill.collections.note',
    'is not one of the collections of the product: did you mean notes?',
  ),
  mistake(
    'a soak without a unit',
    withParts({ retention: { soak: '24' } }),
    '.retention.soak',
    'must be a number and a unit, for example 90m, 24h or 30d',
  ),
];
