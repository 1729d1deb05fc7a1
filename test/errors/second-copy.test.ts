import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'libsql';
import { describe, expect, it } from 'vitest';
import * as own from '../../src/index.js';
import { hasCode } from '../../src/errors/errors.js';
import { recordAuthenticationOf } from '../../src/store/authenticate-records.js';
import { MemoryDekStore } from '../../src/testing/index.js';
import { KEY, MEK_HEX, note, OTHER_MEK_HEX, PRODUCT, setup } from '../support/encryptor.js';
import { failureOf, rejection } from '../support/failure.js';
import { secondCopy } from '../support/second-copy.js';

const other = await secondCopy();
const WRITERS = 50;

/** One error of each class, made by either copy. */
function errorsOf(copy: typeof own): Readonly<Record<ErrorClass, Error>> {
  return {
    FieldEncryptionError: new copy.FieldEncryptionError('CONTENDED', 'text'),
    ConfigurationError: new copy.ConfigurationError([{ variable: 'A', problem: 'is not set' }]),
    KeyProviderError: new copy.KeyProviderError('MEK_DISABLED', 'text'),
    MekStillNeededError: new copy.MekStillNeededError('The MEK', []),
    StoreError: new copy.StoreError('ETAG_MISMATCH', 'text'),
    TamperedError: new copy.TamperedError('text'),
  };
}

const classes = [
  'FieldEncryptionError',
  'ConfigurationError',
  'KeyProviderError',
  'MekStillNeededError',
  'StoreError',
  'TamperedError',
] as const;
type ErrorClass = (typeof classes)[number];

it('is a copy of its own', () => {
  for (const name of classes) expect(other.core[name]).not.toBe(own[name]);
  expect(other.testing.MemoryDekStore).not.toBe(MemoryDekStore);
});

describe('an error of another copy', () => {
  it.each(classes)('%s is one of the same class, and of no other', (name) => {
    for (const [made, asked] of [
      [errorsOf(other.core), own],
      [errorsOf(own), other.core],
      [errorsOf(own), own],
    ] as const) {
      const error: unknown = made[name];
      const matching = classes.filter((each) => error instanceof asked[each]);
      expect(matching).toEqual([...new Set(['FieldEncryptionError', name])]);
      expect(asked.isFieldEncryptionError(error)).toBe(true);
    }
  });

  it('is one where an application derived its class', () => {
    class Refused extends other.core.StoreError {}
    const error: unknown = new Refused('ETAG_MISMATCH', 'text');
    expect(error instanceof own.StoreError).toBe(true);
    expect(error instanceof own.TamperedError).toBe(false);
    expect(error instanceof Refused).toBe(true);
  });

  it('is none of a class that an application derived from this copy', () => {
    class Refused extends own.StoreError {}
    const mine: unknown = new Refused('ETAG_MISMATCH', 'text');
    const [plain, foreign] = [errorsOf(own), errorsOf(other.core)];
    expect(mine instanceof Refused).toBe(true);
    expect(mine instanceof own.StoreError).toBe(true);
    expect((plain.StoreError as unknown) instanceof Refused).toBe(false);
    expect((foreign.StoreError as unknown) instanceof Refused).toBe(false);
  });

  it('keeps a code that this version does not know, and counts as none of those that it asks for', () => {
    const error = new other.core.FieldEncryptionError('LATER_CODE' as 'CONTENDED', 'text');
    expect(own.isFieldEncryptionError(error)).toBe(true);
    expect(error.code).toBe('LATER_CODE');
    expect(hasCode(error, 'CONTENDED', 'ETAG_MISMATCH')).toBe(false);
  });

  it('does not show its brand where it is printed, cloned or listed', () => {
    const error = new own.StoreError('ETAG_MISMATCH', 'text');
    expect(Object.getOwnPropertySymbols(error)).toEqual([]);
    expect(own.isFieldEncryptionError(structuredClone(error))).toBe(false);
  });
});

describe('what only looks like an error of the library', () => {
  const brand = Symbol.for('@bytelyst/field-encrypt/error');
  const parts = { code: 'ETAG_MISMATCH', message: 'text', retryable: true };

  it.each<[string, unknown]>([
    ['an object with its properties', parts],
    ['an object with its brand', { ...parts, [brand]: 'StoreError' }],
    ['an error with its properties', Object.assign(new Error('text'), parts)],
    ['an error with a brand of no class', Object.assign(new Error('text'), parts, { [brand]: 1 })],
    [
      'a branded error without a code',
      Object.assign(new Error('text'), { [brand]: 'StoreError', retryable: false }),
    ],
    [
      'a branded error whose code could hold anything',
      Object.assign(new Error('text'), parts, { [brand]: 'StoreError', code: 'a secret text' }),
    ],
    [
      'a branded error that does not say whether it may be retried',
      Object.assign(new Error('text'), parts, { [brand]: 'StoreError', retryable: 'no' }),
    ],
    ['a class', own.StoreError],
    ['undefined', undefined],
    ['null', null],
  ])('%s is none', (_what, value) => {
    expect(own.isFieldEncryptionError(value)).toBe(false);
    expect(value instanceof own.StoreError).toBe(false);
    expect(value instanceof own.FieldEncryptionError).toBe(false);
  });
});

describe('an encryptor over a store of another copy', () => {
  it.each([
    ['memory', () => new other.testing.MemoryDekStore()],
    ['SQLite', () => new other.sqlite.SqliteDekStore(new Database(':memory:'))],
  ])(`lets ${String(WRITERS)} racing writers agree on one DEK (%s)`, async (_name, storeOf) => {
    const dekStore = storeOf();
    const encryptors = Array.from({ length: WRITERS }, () =>
      own.createFieldEncryptor({
        product: PRODUCT,
        keyProviders: [new own.EnvKeyProvider({ key: MEK_HEX })],
        dekStore,
        dekCache: new own.DekCache({ maxEntries: 1 }),
      }),
    );
    const documents = await Promise.all(
      encryptors.map((encryptor) => encryptor.encryptDocument(note, { ...KEY, body: 'text' })),
    );
    expect(new Set(documents.map(({ body }) => body?.dekId)).size).toBe(1);
    for (const [index, document] of documents.entries()) {
      const reader = encryptors[WRITERS - 1 - index];
      expect((await reader?.decryptDocument(note, document))?.body).toBe('text');
    }
  });

  it('tells an outage of a provider of another copy from tampering', async () => {
    const keyProvider = new other.core.EnvKeyProvider({ key: MEK_HEX });
    const made = setup({ keyProviders: [keyProvider] });
    const document = await made.encryptor.encryptDocument(note, { ...KEY, body: 'text' });
    const reader = setup({
      beside: made,
      keyProviders: [new other.core.EnvKeyProvider({ key: OTHER_MEK_HEX })],
    });
    const error = await rejection(reader.encryptor.decryptDocument(note, document));
    expect(error).toBeInstanceOf(own.KeyProviderError);
    expect((error as own.KeyProviderError).code).toBe('MEK_VERSION_UNKNOWN');
    expect((error as own.KeyProviderError).dekId).toBe(document.body?.dekId);
  });
});

it('every class of the library that the sources ask for by `instanceof` is known by all copies, or local', () => {
  const branded = [...classes, 'AuthenticatedDekStore'];
  // Made and caught by one adapter or one run, and never thrown at a caller.
  const local = ['CosmosFailure', 'LostDekError', 'NotSelected', 'TokenFailure'];
  const builtIn = [
    'AbortSignal',
    'Error',
    'Map',
    'Promise',
    'RangeError',
    'TypeError',
    'Uint8Array',
  ];
  const root = join(import.meta.dirname, '../../src');
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' });
  const sources = files
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(root, file), 'utf8'))
    .join('\n');
  const asked = [...sources.matchAll(/ instanceof (\w+)/g)].map(([, name]) => String(name));
  expect(asked).toContain('KeyProviderError');
  expect(asked.filter((name) => ![...branded, ...local, ...builtIn].includes(name))).toEqual([]);
});

describe('a store that another copy authenticates', () => {
  const recordKey = '2793244822dacfd799e286d170b62d90e35965e392cd9f45ce03605b13c3d10e';

  it('says so', () => {
    const store = other.core.authenticateRecords(new MemoryDekStore(), { recordKey });
    expect(recordAuthenticationOf(store)).toBe('required');
    expect(failureOf(() => own.authenticateRecords(store, { recordKey }))).toEqual({
      name: 'TypeError',
      message: '"dekStore" already authenticates its records',
    });
  });

  it('says so where records without a mac still pass', () => {
    const store = other.core.authenticateRecords(new MemoryDekStore(), {
      recordKey,
      insecureAcceptUnauthenticatedRecords: true,
    });
    expect(recordAuthenticationOf(store)).toBe('optional');
  });

  it('has its records resealed', async () => {
    const memory = new MemoryDekStore();
    const keyProviders = [new own.EnvKeyProvider({ key: MEK_HEX })];
    const before = own.createFieldEncryptor({ product: PRODUCT, keyProviders, dekStore: memory });
    await before.encryptDocument(note, { ...KEY, body: 'text' });
    const dekStore = other.core.authenticateRecords(memory, {
      recordKey,
      insecureAcceptUnauthenticatedRecords: true,
    });
    const run = own.resealRecords({ product: PRODUCT, keyProviders, dekStore });
    let step = await run.next();
    while (!step.done) step = await run.next();
    expect(step.value).toMatchObject({ complete: true, changed: 1 });
  });
});
