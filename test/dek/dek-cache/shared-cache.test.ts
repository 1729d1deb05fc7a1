import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { LiveDekRow } from '../../../src/adapters.js';
import {
  addRecoveryWraps,
  authenticateRecords,
  backfillDocuments,
  createFieldEncryptor,
  DekCache,
  prunePreviousWraps,
  rewrapAllDeks,
  type DekStore,
} from '../../../src/index.js';
import { MemoryDekStore, MemoryDocumentStore } from '../../../src/testing/index.js';
import { deferred, turn } from '../../support/deferred.js';
import {
  decryptAny,
  encryptAny,
  envelopeAt,
  KEY,
  MEK_VERSION,
  note,
  PRODUCT,
  setup,
  type Loose,
} from '../../support/encryptor.js';
import { failureOf, rejection } from '../../support/failure.js';
import { OURS } from '../../support/recovery.js';
import { alterRow } from '../../support/rotations.js';
import { activeRow } from '../../support/rows.js';
import { runToEnd } from '../../support/run-to-end.js';
import { dekOf } from '../../support/deks.js';
import { momentOf } from '../../../src/async/clock.js';

const RECORD_KEY = randomBytes(32).toString('base64');
const OTHER_STORE = {
  name: 'RangeError',
  message: `"dekCache" holds DEKs of product "${PRODUCT}" from another DEK store: use a separate DekCache for each DEK store, or pass the same store object to every encryptor that shares the cache`,
};

describe('a DekCache', () => {
  it('is refused to a second store: its dekIds are the same, and its DEKs are not', async () => {
    const first = setup();
    const stored = await encryptAny(first.encryptor, { ...KEY, body: 'first' });
    expect(failureOf(() => setup({ dekCache: first.dekCache }))).toEqual(OTHER_STORE);
    const again = await encryptAny(first.encryptor, { ...stored, body: 'second' });
    const restarted = setup({ beside: first });
    expect(await decryptAny(restarted.encryptor, again)).toMatchObject({ body: 'second' });
  });

  it('is refused to a second product over the same store', () => {
    const { dekCache, dekStore, keyProvider } = setup();
    const parts = { product: 'another', keyProviders: [keyProvider], dekStore, dekCache };
    expect(failureOf(() => createFieldEncryptor(parts))).toEqual({
      name: 'RangeError',
      message: `"dekCache" holds DEKs of product "${PRODUCT}" and cannot serve product "another": use a separate DekCache for each product`,
    });
  });

  it('is not taken by an encryptor that could not be made', () => {
    const dekCache = new DekCache();
    const { dekStore, keyProvider } = setup();
    const parts = { keyProviders: [keyProvider], dekStore, dekCache };
    failureOf(() => createFieldEncryptor({ ...parts, product: '' }));
    failureOf(() => createFieldEncryptor({ ...parts, product: PRODUCT, mode: 'x' as never }));
    expect(createFieldEncryptor({ ...parts, product: 'another' }).dekCache).toBe(dekCache);
  });

  it('serves several encryptors over one store, with any wrapper of the library', async () => {
    const dekStore = new MemoryDekStore();
    const dekCache = new DekCache();
    const { keyProvider } = setup();
    const parts = { product: PRODUCT, keyProviders: [keyProvider], dekCache };
    const authenticated: DekStore = authenticateRecords(dekStore, { recordKey: RECORD_KEY });
    const strict = createFieldEncryptor({ ...parts, dekStore, recordKey: RECORD_KEY });
    const migrating = createFieldEncryptor({ ...parts, dekStore: authenticated, mode: 'migrate' });
    const third = createFieldEncryptor({ ...parts, dekStore: strict.dekStore });
    const stored = await encryptAny(strict, { ...KEY, body: 'text' });
    expect(await decryptAny(migrating, stored)).toMatchObject({ body: 'text' });
    expect(await decryptAny(third, stored)).toMatchObject({ body: 'text' });
    expect(dekCache.size).toBe(1);
  });

  it.each([
    [
      'rewrapAllDeks',
      (encryption) => rewrapAllDeks(encryption, { target: { mekVersion: MEK_VERSION } }),
    ],
    [
      'prunePreviousWraps',
      (encryption) => prunePreviousWraps(encryption, { rewrappedBefore: new Date(0) }),
    ],
    ['addRecoveryWraps', (encryption) => addRecoveryWraps(encryption)],
    [
      'backfillDocuments',
      (encryption) =>
        backfillDocuments(encryption, note, new MemoryDocumentStore<Loose>({ key: note.key }), {
          allowEmpty: true,
        }),
    ],
  ] satisfies [string, (encryption: Encryption) => AsyncGenerator][])(
    'of another store is refused by %s',
    async (_name, start) => {
      const { dekCache } = setup();
      const { product, keyProviders, dekStore, clock } = setup().encryptor;
      const encryption = { product, keyProviders, dekStore, clock, dekCache, ...OURS };
      expect(await rejection(start(encryption).next())).toMatchObject(OTHER_STORE);
    },
  );

  it('of the encryptor itself is notified of its rewrap', async () => {
    const made = setup();
    await encryptAny(made.encryptor, { ...KEY, body: 'text' });
    const target = { mekVersion: MEK_VERSION };
    await runToEnd(rewrapAllDeks(made.encryptor, { target }), made.clock);
    expect(made.dekCache.size).toBe(1);
  });
});

type Encryption = Parameters<typeof rewrapAllDeks>[0];

describe('a cached DEK whose row commits to another key', () => {
  const ANOTHER = {
    code: 'TAMPERED',
    message: expect.stringContaining('has changed, and a DEK never changes') as string,
  };

  it('seals nothing, and is not kept', async () => {
    const made = setup();
    const stored = await encryptAny(made.encryptor, { ...KEY, body: 'text' });
    const { dekId } = envelopeAt(stored, 'body');
    await alterRow(made, dekId, { commitment: Buffer.alloc(32).toString('base64url') });
    made.clock.advance(30_000);
    expect(await rejection(encryptAny(made.encryptor, { ...KEY, body: 'more' }))).toMatchObject(
      ANOTHER,
    );
    expect(made.dekCache.size).toBe(0);
  });

  it('seals nothing where it came by a load that began before', async () => {
    const made = setup();
    const stored = await encryptAny(made.encryptor, { ...KEY, body: 'text' });
    const { dekId } = envelopeAt(stored, 'body');
    const other = setup({ beside: made });
    const gate = deferred();
    other.provider.before = () => gate.promise;
    const reading = decryptAny(other.encryptor, stored);
    await turn();
    const row = (await made.memory.get(dekId))?.value as LiveDekRow;
    const mine = { parts: [...row.scope], keyProvider: made.keyProvider, mekVersion: MEK_VERSION };
    const planted = await activeRow({ ...mine, generation: 1, dek: Buffer.alloc(32, 7) });
    await alterRow(made, dekId, { ...planted });
    const writing = encryptAny(other.encryptor, { ...KEY, body: 'more' });
    await turn();
    gate.resolve();
    expect(await rejection(writing)).toMatchObject(ANOTHER);
    expect(await reading).toMatchObject({ body: 'text' });
    expect(other.dekCache.size).toBe(0);
  });

  it('seals nothing where both are in memory and fresh', async () => {
    const made = setup();
    const stored = await encryptAny(made.encryptor, { ...KEY, body: 'text' });
    const { dekId } = envelopeAt(stored, 'body');
    const row = (await made.memory.get(dekId))?.value as LiveDekRow;
    made.dekCache.put({
      dek: dekOf(PRODUCT, dekId, Buffer.alloc(32, 7), momentOf(made.clock)),
      row,
    });
    expect(await rejection(encryptAny(made.encryptor, { ...KEY, body: 'more' }))).toMatchObject(
      ANOTHER,
    );
    expect(made.dekCache.size).toBe(0);
    const again = await encryptAny(made.encryptor, { ...stored, title: 'more' });
    expect(await decryptAny(setup({ beside: made }).encryptor, again)).toMatchObject({
      title: 'more',
    });
  });
});
