import { describe, expect, it } from 'vitest';
import {
  initEncryption,
  registerDefinitions,
  StoreError,
  type FieldEncryptor,
  type InitEncryptionOptions,
  type Readiness,
} from '../../src/index.js';
import { MemoryDekStore, MemoryDocumentStore } from '../../src/testing/index.js';
import {
  alterDefinition,
  beside,
  defined,
  pathsIn,
  registered,
} from '../support/definition-records.js';
import { MEK_HEX, PRODUCT, setup, type Setup } from '../support/encryptor.js';
import { failure } from '../support/failure.js';
import { probed } from '../support/probe.js';

const ENV = {
  FIELD_ENCRYPT_ENABLED: 'true',
  FIELD_ENCRYPT_PRODUCT: PRODUCT,
  FIELD_ENCRYPT_KEY_PROVIDER: 'env',
  FIELD_ENCRYPT_KEY: MEK_HEX,
};

function start(
  { memory: dekStore }: Pick<Setup, 'memory'>,
  options: Partial<InitEncryptionOptions>,
): Promise<FieldEncryptor> {
  return initEncryption({ dekStore, env: ENV, ...options });
}

describe('initEncryption', () => {
  it('reads nothing without collections, and one record for each with them', async () => {
    const [dekStore, { calls }] = probed(new MemoryDekStore());
    await initEncryption({ dekStore, env: ENV });
    await initEncryption({ dekStore, env: ENV, collections: [] });
    expect(calls).toEqual({});
    const collections = [
      { definition: defined(['body']) },
      { definition: defined(['name'], { collection: 'people' }) },
    ];
    await initEncryption({ dekStore, env: ENV, collections });
    expect(calls).toMatchObject({ createDefinition: 2 });
    const before = { ...calls };
    await initEncryption({ dekStore, env: ENV, collections });
    expect(calls).toEqual({ ...before, getDefinition: 4 });
  });

  it('refuses a version that cannot open what a newer one has sealed', async () => {
    const made = await registered(['body', 'title']);
    const collections = [{ definition: defined(['body']) }];
    expect(await failure(start(made, { collections }))).toMatchObject({
      code: 'DEFINITION_MISMATCH',
    });
    const ignoring = { collections, insecureIgnoreDefinitionRecord: true };
    expect(await start(made, ignoring)).toMatchObject({ product: PRODUCT });
  });

  it('registers before it scans for plaintext', async () => {
    const [made, definition] = [setup(), defined(['body'])];
    const documentStore = new MemoryDocumentStore({ key: ['workspaceId', 'id'] });
    await documentStore.create({ workspaceId: 'w', id: '1', body: 'text' });
    const env = { ...ENV, FIELD_ENCRYPT_REQUIRE_BACKFILLED: 'true' };
    const starting = start(made, { env, collections: [{ definition, documentStore }] });
    expect(await failure(starting)).toMatchObject({ code: 'BACKFILL_UNFINISHED' });
    expect(await pathsIn(made)).toEqual(['body']);
  });

  it.each([
    [{}, '"collections" expected an array, got an object'],
    [[null], '"collections[]" expected a plain object, got null'],
    [
      [{ definition: {} }],
      '"collections[].definition" expected a definition made by defineDocument, got an object',
    ],
    [
      [{ definition: defined(['body']), documentStore: {} }],
      '"collections[].documentStore" expected a document store with list, got an object',
    ],
  ])('refuses unusable collections: %#', async (collections, message) => {
    const made = setup();
    const given = { collections } as never;
    expect(await failure(start(made, given))).toEqual({ name: 'TypeError', message });
    expect(await pathsIn(made)).toEqual([]);
  });

  it('needs a document store where it scans, and says so before it registers', async () => {
    const made = setup();
    const env = { ...ENV, FIELD_ENCRYPT_REQUIRE_BACKFILLED: 'true' };
    const collections = [{ definition: defined(['body']) }];
    expect(await failure(start(made, { env, collections }))).toEqual({
      name: 'TypeError',
      message: '"collections[].documentStore" expected a document store with list, got undefined',
    });
    expect(await pathsIn(made)).toEqual([]);
  });
});

describe('checkReadiness', () => {
  const checkOf = ({ checks }: Readiness): unknown =>
    checks.find(({ name }) => name === 'definition notes');

  it('compares what was registered, until a newer process adds a path', async () => {
    const made = await registered(['body']);
    await registerDefinitions(made.encryptor, [defined(['name'], { collection: 'people' })]);
    const readiness = await made.encryptor.checkReadiness();
    expect(readiness).toMatchObject({ ready: true, warnings: [] });
    expect(readiness.checks.map(({ name }) => name)).toEqual([
      'dek-store',
      'key-provider env/env',
      'definition notes',
      'definition people',
    ]);
    await registerDefinitions(beside(made).encryptor, [defined(['body', 'title'])]);
    const later = await made.encryptor.checkReadiness();
    expect(later.ready).toBe(false);
    expect(checkOf(later)).toMatchObject({
      ok: false,
      error: {
        code: 'DEFINITION_MISMATCH',
        message:
          'The definitions record says that values of "notes" may be stored sealed under "title", which this process cannot open: declare each such path in "former" of the definition, or in "fields"',
      },
    });
    await registerDefinitions(made.encryptor, [defined(['mood'], { former: ['title'] })]);
    expect(await made.encryptor.checkReadiness()).toMatchObject({ ready: true });
  });

  it('fails for what was ignored at the start, and not for what was refused', async () => {
    const made = await registered(['body']);
    const old = beside(made);
    const definitions = [defined(['title'])];
    await failure(registerDefinitions(old.encryptor, definitions));
    expect(checkOf(await old.encryptor.checkReadiness())).toBeUndefined();
    const ignoring = { insecureIgnoreDefinitionRecord: true };
    await registerDefinitions(old.encryptor, definitions, ignoring);
    expect(await old.encryptor.checkReadiness()).toMatchObject({ ready: false });
  });

  it('fails where the record cannot be read', async () => {
    const made = await registered(['body']);
    const outage = new StoreError('STORE_UNAVAILABLE', 'down');
    made.store.before = (method) =>
      method === 'getDefinition' ? Promise.reject(outage) : undefined;
    expect(checkOf(await made.encryptor.checkReadiness())).toMatchObject({ error: outage });
    made.store.before = () => undefined;
    await alterDefinition(made, { product: 'other' });
    expect(checkOf(await made.encryptor.checkReadiness())).toMatchObject({
      error: { code: 'TAMPERED' },
    });
  });

  it('warns where the record lacks what the process seals, and writes nothing', async () => {
    const made = await registered(['body', 'title']);
    await alterDefinition(made, { paths: [] });
    made.store.reset();
    expect(await made.encryptor.checkReadiness()).toMatchObject({
      ready: true,
      warnings: [
        {
          code: 'DEFINITION_UNRECORDED',
          message:
            'The definitions record of "notes" lacks "body" and "title", which this process seals: the record was restored, removed or changed since; restart the process, or call registerDefinitions again',
        },
      ],
    });
    expect(made.store.calls).toEqual({ getRotation: 1, getDefinition: 1 });
    const off = setup({ beside: made, enabled: false });
    await registerDefinitions(off.encryptor, [defined(['body'])]);
    expect(await off.encryptor.checkReadiness()).toMatchObject({ ready: true, warnings: [] });
  });
});
