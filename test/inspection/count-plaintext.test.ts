import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  countPlaintext,
  initEncryption,
  requireBackfilled,
  StoreError,
  type InitEncryptionOptions,
  type PlaintextRead,
} from '../../src/index.js';
import { MemoryDekStore } from '../../src/testing/index.js';
import { decryptAny, encryptAny, KEY, note, setup } from '../support/encryptor.js';
import { failure, rejection } from '../support/failure.js';
import { addPlain, backfill, notes, put } from '../support/migrations.js';

const ENV = {
  FIELD_ENCRYPT_ENABLED: 'true',
  FIELD_ENCRYPT_PRODUCT: 'notelett',
  FIELD_ENCRYPT_KEY_PROVIDER: 'env',
  FIELD_ENCRYPT_KEY: randomBytes(32).toString('hex'),
  FIELD_ENCRYPT_REQUIRE_BACKFILLED: 'true',
};

function init(options: Partial<InitEncryptionOptions>): Promise<unknown> {
  return initEncryption({ dekStore: new MemoryDekStore(), env: ENV, ...options });
}

describe('counting plaintext', () => {
  it('counts declared values, null and containers included, and no envelope', async () => {
    const [made, collection] = [setup(), notes()];
    await put(collection, { ...KEY, id: 'a', body: 'x', title: null, tags: ['x', null] });
    await put(collection, { ...KEY, id: 'b', meta: 'misshapen', other: 'not declared' });
    await put(collection, { ...KEY, id: 'c', tags: null, meta: null });
    await put(collection, await encryptAny(made.encryptor, { ...KEY, id: 'd', body: 'x' }));
    await put(collection, { ...KEY, id: 'e', body: { _enc: 'malformed' }, title: 'x' });
    expect(await countPlaintext(note, collection.store)).toEqual({
      documents: 3,
      fields: 6,
      scanned: 5,
    });
  });

  it('goes through every page', async () => {
    const collection = notes();
    await addPlain(collection, 450);
    const { scanned } = await countPlaintext(note, collection.store);
    expect(scanned).toBe(450);
  });

  it('rejects where the store cannot be read', async () => {
    const collection = notes();
    collection.probe.before = () => {
      throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
    };
    expect(await rejection(countPlaintext(note, collection.store))).toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
  });
});

describe('the gate before strict mode', () => {
  it('refuses while anything is plaintext, and opens after the backfill', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 2);
    const collections = [{ definition: note, documentStore: collection.store }];
    expect(await rejection(requireBackfilled(collections))).toMatchObject({
      code: 'BACKFILL_UNFINISHED',
    });
    expect(await rejection(init({ collections }))).toMatchObject({ code: 'BACKFILL_UNFINISHED' });
    await backfill(made, collection);
    await requireBackfilled(collections);
    expect(await init({ collections })).toMatchObject({ mode: 'strict' });
  });

  it('looks at every collection, and at none unless it is asked to', async () => {
    const [empty, plain] = [notes(), notes()];
    await addPlain(plain, 1);
    const collections = [empty, plain].map(({ store }) => ({
      definition: note,
      documentStore: store,
    }));
    expect(await rejection(init({ collections }))).toMatchObject({ code: 'BACKFILL_UNFINISHED' });
    plain.probe.reset();
    await init({ collections, env: { ...ENV, FIELD_ENCRYPT_REQUIRE_BACKFILLED: 'false' } });
    expect(plain.probe.calls).toEqual({});
  });

  it('never takes a failed read for nothing left', async () => {
    const collection = notes();
    collection.probe.before = () => {
      throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
    };
    const collections = [{ definition: note, documentStore: collection.store }];
    expect(await rejection(init({ collections }))).toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  it.each([
    [{}, 'is "true" without any collection to check: pass "collections" to initEncryption'],
    [
      { FIELD_ENCRYPT_MODE: 'migrate' },
      'is "true" while FIELD_ENCRYPT_MODE is "migrate": unset it until the backfill is done',
    ],
    [
      { FIELD_ENCRYPT_ENABLED: 'false' },
      'is "true" while FIELD_ENCRYPT_ENABLED is "false": unset it, or turn encryption on',
    ],
  ])('with %j is a mistake in the environment', async (more, problem) => {
    expect(await rejection(init({ env: { ...ENV, ...more } }))).toMatchObject({
      problems: expect.arrayContaining([
        { variable: 'FIELD_ENCRYPT_REQUIRE_BACKFILLED', problem },
      ]) as unknown,
    });
  });

  it('ends when its signal aborts', async () => {
    const collection = notes();
    const collections = [{ definition: note, documentStore: collection.store }];
    const signal = AbortSignal.abort(new Error('enough'));
    const ended = { message: 'enough' };
    expect(await rejection(requireBackfilled(collections, { signal }))).toMatchObject(ended);
    expect(await rejection(init({ collections, signal }))).toMatchObject(ended);
  });

  it.each([
    ['nothing', null, '"collections[]" expected a plain object, got null'],
    ['no definition', { documentStore: {} }, '"collections[].definition" expected an object'],
    ['no store', { definition: note }, '"collections[].documentStore" expected an object'],
  ])('refuses %s for a collection', async (_what, entry, message) => {
    expect(await failure(requireBackfilled([entry as never]))).toMatchObject({ message });
  });

  it('refuses a list that would prove nothing', async () => {
    expect(await failure(requireBackfilled([]))).toEqual({
      name: 'TypeError',
      message: '"collections" expected a list with at least one entry',
    });
  });
});

describe('a reader in mode "migrate"', () => {
  it('reports each field that it passes through, as it happens and without its value', async () => {
    const reads: PlaintextRead[] = [];
    const { encryptor } = setup({ mode: 'migrate', onPlaintextRead: (read) => reads.push(read) });
    const sealed = await encryptAny(encryptor, { ...KEY, body: 'sealed' });
    await decryptAny(encryptor, sealed);
    expect(reads).toEqual([]);
    await decryptAny(encryptor, { ...sealed, title: 'plain', tags: ['plain'] });
    const named = { collection: 'notes', key: { ...KEY } };
    expect(reads).toEqual([
      { ...named, path: 'title' },
      { ...named, path: 'tags[]' },
    ]);
    expect(encryptor.plaintextReads).toBe(2);
  });

  it('reports the fields of lists and of open documents, too', async () => {
    const paths: string[] = [];
    const { encryptor } = setup({
      mode: 'migrate',
      onPlaintextRead: ({ path }) => paths.push(path),
    });
    await encryptor.decryptDocuments(note, [{ ...KEY, body: 'plain' } as never]);
    const open = await encryptor.openDocument(note, KEY);
    open.open('title', 'plain');
    expect(paths).toEqual(['body', 'title']);
  });

  it('reads on where its listener throws or rejects', async () => {
    const { encryptor } = setup({
      mode: 'migrate',
      onPlaintextRead: ({ path }) => {
        if (path === 'body') throw new Error('log is full');
        return Promise.reject(new Error('log is full')) as never;
      },
    });
    const document = { ...KEY, body: 'plain', title: 'plain' };
    expect(await decryptAny(encryptor, document)).toEqual(document);
  });

  it('reports nothing of a document that it could not read', async () => {
    const reads: PlaintextRead[] = [];
    const { encryptor } = setup({ mode: 'migrate', onPlaintextRead: (read) => reads.push(read) });
    const sealed = await encryptAny(encryptor, { ...KEY, body: 'sealed' });
    const ct = 'A'.repeat(40);
    const broken = { ...sealed, body: { ...(sealed['body'] as object), ct }, title: 'plain' };
    expect(await rejection(decryptAny(encryptor, broken))).toMatchObject({ code: 'TAMPERED' });
    expect(reads).toEqual([]);
  });

  it('refuses a listener that is no function', () => {
    expect(() => setup({ onPlaintextRead: 'log' as never })).toThrow(
      new TypeError('"onPlaintextRead" expected a function, got a string'),
    );
  });
});
