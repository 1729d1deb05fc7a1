import { describe, expect, it } from 'vitest';
import { KeyProviderError, StoreError, type Envelope } from '../../src/index.js';
import {
  contentsOf,
  decryptAny,
  encryptAny,
  KEY,
  note,
  PRODUCT,
  sealed,
  setup,
} from '../support/encryptor.js';
import { alteredRow, failure, rejection } from '../support/failure.js';

const failures: readonly [name: string, error: Error][] = [
  ['an outage', new StoreError('STORE_UNAVAILABLE', 'The database is down')],
  ['a failure', new StoreError('STORE_FAILED', 'The container is gone')],
  ['a foreign error', Object.assign(new Error('403 Forbidden'), { statusCode: 403 })],
];

describe.each(failures)('%s of the store', (_name, error) => {
  it('on a cold read is reported as it is, and is never taken for absent', async () => {
    const writer = setup();
    const stored = await encryptAny(writer.encryptor, { ...KEY, body: 'text' });
    const before = await contentsOf(writer.memory);
    const reader = setup({ beside: writer });
    reader.store.before = () => Promise.reject(error);
    expect(await rejection(decryptAny(reader.encryptor, stored))).toBe(error);
    expect(await rejection(encryptAny(reader.encryptor, { ...KEY, body: 'new' }))).toBe(error);
    expect(await rejection(reader.encryptor.openDocument(note, KEY, { createDek: true }))).toBe(
      error,
    );
    expect(await rejection(reader.encryptor.shred(note, KEY))).toBe(error);
    expect(await contentsOf(writer.memory)).toEqual(before);

    reader.store.before = () => undefined;
    expect(await decryptAny(reader.encryptor, stored)).toEqual({ ...KEY, body: 'text' });
    expect((await sealed(reader.encryptor, 'new')).dekId).toBe((stored['body'] as Envelope).dekId);
    expect(await writer.memory.count({ product: PRODUCT })).toBe(1);
  });

  const reads = ['getRotation', 'count', 'createRotation', 'listScope', 'create'];

  it.each(reads)(
    'in %s on a first seal mints no DEK, and the next seal mints one',
    async (name) => {
      const made = setup();
      made.store.before = (method) => (method === name ? Promise.reject(error) : undefined);
      expect(await rejection(encryptAny(made.encryptor, { ...KEY, body: 'text' }))).toBe(error);
      expect(await made.memory.count({ product: PRODUCT })).toBe(0);
      expect(made.dekCache.size).toBe(0);
      made.store.before = () => undefined;
      const stored = await encryptAny(made.encryptor, { ...KEY, body: 'text' });
      expect(await decryptAny(setup({ beside: made }).encryptor, stored)).toEqual({
        ...KEY,
        body: 'text',
      });
      expect(await made.memory.count({ product: PRODUCT })).toBe(1);
    },
  );

  it.each(['createRotation', 'create'])('after %s was done mints no second', async (name) => {
    const made = setup();
    made.store.after = (method, result) => (method === name ? Promise.reject(error) : result);
    expect(await rejection(encryptAny(made.encryptor, { ...KEY, body: 'text' }))).toBe(error);
    made.store.after = (_method, result) => result;
    const stored = await encryptAny(made.encryptor, { ...KEY, body: 'text' });
    expect(await decryptAny(setup({ beside: made }).encryptor, stored)).toEqual({
      ...KEY,
      body: 'text',
    });
    expect(await made.memory.count({ product: PRODUCT })).toBe(1);
  });
});

describe('a failure of the key provider', () => {
  const error = new KeyProviderError('KEY_PROVIDER_UNAVAILABLE', 'The vault is down', {
    retryable: true,
    retryAfterMs: 1_000,
  });

  it.each(['currentVersion', 'wrapKey'])('in %s leaves no DEK row behind', async (name) => {
    const made = setup();
    made.provider.before = (method) => (method === name ? Promise.reject(error) : undefined);
    expect(await rejection(encryptAny(made.encryptor, { ...KEY, body: 'text' }))).toBe(error);
    expect(await made.memory.count({ product: PRODUCT })).toBe(0);
    expect(made.store.calls['create']).toBeUndefined();
    made.provider.before = () => undefined;
    expect((await sealed(made.encryptor, 'text')).dekId).toMatch(/\.1$/);
  });

  it.each([
    'KEY_PROVIDER_DENIED',
    'KEY_PROVIDER_UNAVAILABLE',
    'MEK_DISABLED',
    'MEK_VERSION_UNKNOWN',
  ] as const)('with %s on unwrap is not tampering, and is not kept', async (code) => {
    const writer = setup();
    const stored = await encryptAny(writer.encryptor, { ...KEY, body: 'text' });
    const reader = setup({ beside: writer });
    const refusal = new KeyProviderError(code, 'No.');
    reader.provider.before = () => Promise.reject(refusal);
    const refused = { name: 'KeyProviderError', code };
    expect(await rejection(decryptAny(reader.encryptor, stored))).toMatchObject(refused);
    const writing = encryptAny(reader.encryptor, { ...KEY, body: 'new' });
    expect(await rejection(writing)).toMatchObject(refused);
    expect(await writer.memory.count({ product: PRODUCT })).toBe(1);
    reader.provider.before = () => undefined;
    expect(await decryptAny(reader.encryptor, stored)).toEqual({ ...KEY, body: 'text' });
  });

  it('that returns another wrap than it was asked for is a broken contract', async () => {
    const wrongs = [
      { mekVersion: 'another' },
      { keyProvider: 'another' },
      { mekName: 'another' },
      { wrapAlgorithm: 'RSA-OAEP-256' },
      { wrappedDek: '' },
      { wrappedDek: 'A'.repeat(52) },
      { wrappedDek: undefined },
    ];
    for (const wrong of wrongs) {
      const made = setup();
      made.provider.after = (method, result) =>
        method === 'wrapKey' ? { ...(result as object), ...wrong } : result;
      expect(await failure(encryptAny(made.encryptor, { ...KEY, body: 'text' }))).toEqual({
        name: 'FieldEncryptionError',
        code: 'ADAPTER_CONTRACT',
        message:
          'The key provider "env" broke rule K3: wrapKey returned a different wrap than requested; fix the adapter',
      });
      expect(await made.memory.count({ product: PRODUCT })).toBe(0);
    }
  });

  it('that names no exact current version is a broken contract', async () => {
    for (const version of ['', 'latest version', undefined, null, 7]) {
      const made = setup();
      made.provider.after = (method, result) => (method === 'currentVersion' ? version : result);
      expect(await failure(encryptAny(made.encryptor, { ...KEY, body: 'text' }))).toEqual({
        name: 'FieldEncryptionError',
        code: 'ADAPTER_CONTRACT',
        message:
          'The key provider "env" broke rule K2: currentVersion returned no exact version; fix the adapter',
      });
      expect(await contentsOf(made.memory)).toEqual({ items: [], rotation: undefined });
    }
  });
});

describe('a store that answers with something else', () => {
  it('than the row asked for is not believed', async () => {
    const made = setup();
    const one = await encryptAny(made.encryptor, { ...KEY, body: 'one' });
    const two = await encryptAny(made.encryptor, { ...KEY, id: 'note-2', body: 'two' });
    const [oneId, twoId] = [one, two].map(({ body }) => (body as Envelope).dekId) as [
      string,
      string,
    ];
    const twoRow = await made.memory.get(twoId);
    const reader = setup({ beside: made });
    reader.store.after = (method, result) => {
      if (method === 'get') return twoRow;
      if (method === 'getMany') return new Map([oneId, twoId].map((id) => [id, twoRow]));
      return method === 'listScope' ? [twoRow] : result;
    };
    expect(await failure(decryptAny(reader.encryptor, one))).toEqual(alteredRow(oneId, 'id'));
    const [first, second] = await reader.encryptor.decryptDocuments(note, [one, two] as never[]);
    expect(first).toMatchObject({ ok: false, error: alteredRow(oneId, 'id') });
    expect(second).toMatchObject({ ok: true, document: { body: 'two' } });
    for (const work of [
      () => encryptAny(reader.encryptor, { ...KEY, body: 'new' }),
      () => reader.encryptor.openDocument(note, KEY),
      () => reader.encryptor.shred(note, KEY),
    ]) {
      expect(await failure(work())).toEqual(alteredRow(twoId, 'scopeId'));
    }
    expect(reader.store.calls['create']).toBeUndefined();
    expect(reader.store.calls['replace']).toBeUndefined();
  });

  it('than all rows asked for in bulk leaves those missing out', async () => {
    const made = setup();
    const one = await encryptAny(made.encryptor, { ...KEY, body: 'one' });
    const two = await encryptAny(made.encryptor, { ...KEY, id: 'note-2', body: 'two' });
    const { dekId } = two['body'] as Envelope;
    const reader = setup({ beside: made });
    reader.store.after = (_method, result) => {
      (result as Map<string, unknown>).delete(dekId);
      return result;
    };
    const [first, second] = await reader.encryptor.decryptDocuments(note, [one, two] as never[]);
    expect(first).toMatchObject({ ok: true, document: { body: 'one' } });
    expect(second).toMatchObject({
      ok: false,
      error: {
        code: 'DEK_NOT_FOUND',
        message: `DEK ${dekId} is not in the store: restore its row from a backup, and do not overwrite the document before the row is restored or accepted as lost`,
      },
    });
  });
});
