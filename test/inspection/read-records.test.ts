import Database from 'libsql';
import { describe, expect, it } from 'vitest';
import type { DekStoreItem, StoredItem } from '../../src/adapters.js';
import {
  authenticateRecords,
  backfillDocuments,
  readRecords,
  registerDefinitions,
  StoreError,
  type ProductRecords,
} from '../../src/index.js';
import { SqliteDekStore } from '../../src/sqlite/index.js';
import { MemoryDekStore } from '../../src/testing/index.js';
import { defined } from '../support/definition-records.js';
import { contentsOf, note, PRODUCT, setup, type Setup } from '../support/encryptor.js';
import { describeError, failure, rejection } from '../support/failure.js';
import { addPlain, backfill, migrateUntil, notes, reencrypt } from '../support/migrations.js';
import { OTHER_RECORD_KEY, RECORD_KEY } from '../support/records.js';
import {
  alterRecord,
  pullUntil,
  rewrap,
  start,
  versionOf,
  withKeys,
  writeNotes,
} from '../support/rotations.js';

const LEASES = `lease:${PRODUCT}`;
const DEFINITIONS = `definition:${PRODUCT}`;
const STARTED_AT = '2026-11-21T10:00:00.000Z';

function lease(collection: string, more: object = {}): DekStoreItem {
  return {
    ...{ id: `lease:${collection}`, scopeId: LEASES, type: 'lease', schema: 1, product: PRODUCT },
    ...{ kind: 'backfill', owner: 'job-1', heartbeatAt: STARTED_AT, expiresAt: STARTED_AT },
    ...more,
  };
}

function errorsIn({ unreadable }: ProductRecords): readonly unknown[] {
  return unreadable.map(({ error, ...place }) => ({ ...place, ...describeError(error) }));
}

function writesOf({ store }: Setup): readonly string[] {
  return Object.keys(store.calls).filter((name) => /^(create|replace|delete)/.test(name));
}

describe('the records of a product', () => {
  it('are the rotation with its history, leases, re-encryptions and definitions', async () => {
    const [made, collection] = [setup({ fenceTtlMs: 2_000 }), notes()];
    await registerDefinitions(made.encryptor, [note]);
    await addPlain(collection, 2);
    await backfill(made, collection);
    await reencrypt(made, collection);
    const operator = withKeys(made, ['b', 'a']);
    await pullUntil(await start(operator), made.clock, 'begun');
    made.store.reset();
    const { rotation, ...records } = await readRecords(made.encryptor);
    const env = { keyProvider: 'env', mekName: 'env' };
    expect(rotation).toEqual({
      ...env,
      mekVersion: await versionOf('b'),
      ...{ epoch: 2, state: 'fencing', fenceTtlMs: 2_000, generationFloor: 2 },
      startedAt: expect.any(String) as unknown,
      history: [
        {
          ...{ ...env, mekVersion: await versionOf('a'), epoch: 1 },
          startedAt: expect.any(String) as unknown,
          completedAt: expect.any(String) as unknown,
        },
      ],
      restored: false,
    });
    expect(records).toEqual({
      product: PRODUCT,
      leases: [
        {
          ...{ collection: 'notes', kind: 'reencrypt', owner: expect.any(String) as unknown },
          ...{ heartbeatAt: expect.any(String) as unknown, released: true },
          expiresAt: records.leases[0]?.heartbeatAt,
        },
      ],
      reencryptions: [
        {
          ...{ collection: 'notes', createdBefore: expect.any(String) as unknown },
          ...{ generationFloor: 2, startedAt: expect.any(String) as unknown },
        },
      ],
      definitions: [
        {
          ...{ collection: 'notes', key: ['workspaceId', 'id'], paths: [...note.fields].sort() },
          updatedAt: expect.any(String) as unknown,
        },
      ],
      unreadable: [],
    });
    expect(made.store.calls).toEqual({ getRotation: 1, listItems: 2 });
  });

  it('are copies of what the store returned', async () => {
    const made = setup();
    await registerDefinitions(made.encryptor, [note]);
    await rewrap(withKeys(made, ['b', 'a']));
    const answers: unknown[] = [];
    made.store.after = (_method, result) => (answers.push(result), result);
    const first = await readRecords(made.encryptor);
    const before = structuredClone(first);
    expect(before).toMatchObject({ rotation: { history: [{ epoch: 1 }] } });
    expect(before.definitions).toMatchObject([{ key: ['workspaceId', 'id'] }]);
    const [definition] = first.definitions;
    for (const list of [first.rotation?.history, definition?.key, definition?.paths]) {
      (list as unknown[]).length = 0;
    }
    made.store.after = () => answers.shift();
    expect(await readRecords(made.encryptor)).toEqual(before);
  });

  it('name the owner of a lease that is held, and the longer fence that is drained', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 2);
    const options = { allowEmpty: true, owner: 'job-7', leaseTtlMs: 60_000 };
    const running = backfillDocuments(made.encryptor, note, collection.store, options);
    await migrateUntil(running, made.clock, 'changed');
    await alterRecord(made, { drainTtlMs: 90_000 });
    const { leases, rotation } = await readRecords(made.encryptor);
    expect(leases).toMatchObject([
      {
        kind: 'backfill',
        owner: expect.stringMatching(/^job-7 since /) as unknown,
        released: false,
      },
    ]);
    expect(Date.parse(leases[0]?.expiresAt ?? '') - Date.parse(leases[0]?.heartbeatAt ?? '')).toBe(
      60_000,
    );
    expect(rotation).toMatchObject({ state: 'complete', drainTtlMs: 90_000 });
    await running.return(undefined as never);
  });

  it('are read without a provider, and nothing is written', async () => {
    const made = setup();
    await writeNotes(made, 2);
    const contents = await contentsOf(made.memory);
    made.store.reset();
    await readRecords({ product: PRODUCT, dekStore: made.dekStore });
    expect(writesOf(made)).toEqual([]);
    expect(await contentsOf(made.memory)).toEqual(contents);
  });

  it('show a rotation record that was restored from an older state', async () => {
    const made = setup();
    await writeNotes(made, 1);
    const pinned = { product: PRODUCT, dekStore: made.dekStore, minimumEpoch: 2 };
    expect((await readRecords(pinned)).rotation).toMatchObject({ epoch: 1, restored: true });
    await alterRecord(made, { epoch: 2 });
    expect((await readRecords(pinned)).rotation).toMatchObject({ epoch: 2, restored: false });
  });

  it('come from every page, up to a thousand of a kind', async () => {
    const made = setup();
    await writeNotes(made, 1);
    for (let index = 0; index < 1_003; index += 1) {
      await made.memory.createItem(lease(`c${String(index)}`));
    }
    const { leases, omitted } = await readRecords(made.encryptor);
    expect(leases).toHaveLength(1_000);
    expect(omitted).toBe(3);
  });

  it('have the request charge of all reads', async () => {
    const made = setup();
    await writeNotes(made, 1);
    made.store.before = (_method, args) => {
      const { onRequestCharge } = args.at(-1) as { onRequestCharge?: (units: number) => void };
      onRequestCharge?.(2);
    };
    expect((await readRecords(made.encryptor)).requestCharge).toBe(6);
  });
});

describe('an item that cannot be read', () => {
  it('is named with the reason, and the others are there', async () => {
    const made = setup();
    await registerDefinitions(made.encryptor, [note]);
    const scoped = { schema: 1, product: PRODUCT, owner: 'x', kind: 'x' };
    const times = { heartbeatAt: STARTED_AT, expiresAt: STARTED_AT };
    const items = [
      lease('fine'),
      lease('moved', { product: 'other' }),
      lease('later', { shape: 'round' }),
      { ...scoped, ...times, id: 'lock:notes', scopeId: LEASES, type: 'lock' },
      { ...scoped, ...times, id: 'notes', scopeId: LEASES, type: 'lease' },
      { ...scoped, id: 'reencryption:notes', scopeId: LEASES, type: 'reencryption' },
      { ...scoped, id: 'definition:tasks', scopeId: DEFINITIONS, type: 'definition' },
      { ...scoped, id: 'lease:tasks', scopeId: DEFINITIONS, type: 'lease' },
    ];
    for (const each of items) await made.memory.createItem(each);
    await alterRecord(made, { epoch: 0 });
    const records = await readRecords(made.encryptor);
    expect(records).toMatchObject({
      leases: [{ collection: 'fine' }],
      reencryptions: [],
      definitions: [{ collection: 'notes' }],
    });
    expect(records).not.toHaveProperty('rotation');
    const altered = { name: 'TamperedError', code: 'TAMPERED' };
    const later = { name: 'FieldEncryptionError', code: 'ROW_UNSUPPORTED' };
    const alteredAt = (item: string, property: string): string =>
      `${item} was altered (${property}): restore it from a backup`;
    const unknown = 'which this version does not know: upgrade @bytelyst/field-encrypt';
    expect(new Set(errorsIn(records))).toEqual(
      new Set([
        {
          ...{ scopeId: `rotation:${PRODUCT}`, id: 'rotation', ...altered },
          message: alteredAt(`The rotation record of "${PRODUCT}"`, 'epoch'),
        },
        {
          ...{ scopeId: LEASES, id: 'lease:moved', ...altered },
          message: alteredAt('The lease of "moved"', 'product'),
        },
        {
          ...{ scopeId: LEASES, id: 'lease:later', ...later },
          message: `The lease of "later" has the property "shape", ${unknown}`,
        },
        {
          ...{ scopeId: LEASES, id: 'lock:notes', ...later },
          message: `The item "lock:notes" of "${LEASES}" has the type "lock", ${unknown}`,
        },
        {
          ...{ scopeId: LEASES, id: 'notes', ...altered },
          message: alteredAt(`The item "notes" of "${LEASES}"`, 'id'),
        },
        {
          ...{ scopeId: LEASES, id: 'reencryption:notes', ...later },
          message: `The re-encryption item of "notes" has the property "owner", ${unknown}`,
        },
        {
          ...{ scopeId: DEFINITIONS, id: 'definition:tasks', ...later },
          message: `The definitions record of "tasks" has the property "owner", ${unknown}`,
        },
        {
          ...{ scopeId: DEFINITIONS, id: 'lease:tasks', ...later },
          message: `The item "lease:tasks" of "${DEFINITIONS}" has the type "lease", ${unknown}`,
        },
      ]),
    );
  });

  it('is one whose mac is wrong, or under another record key', async () => {
    const memory = new MemoryDekStore();
    const dekStore = authenticateRecords(memory, { recordKey: RECORD_KEY });
    const made = setup({ memory: dekStore as never, dekStore });
    await registerDefinitions(made.encryptor, [defined(['body'])]);
    const item = (await memory.getItem(DEFINITIONS, 'definition:notes')) as StoredItem;
    await memory.replaceItem(
      { ...(item.value as DekStoreItem), updatedAt: STARTED_AT } as never,
      item.etag,
    );
    const changed = await readRecords({ product: PRODUCT, dekStore });
    expect(changed).toMatchObject({ rotation: { epoch: 1 }, definitions: [] });
    expect(errorsIn(changed)).toMatchObject([{ scopeId: DEFINITIONS, code: 'TAMPERED' }]);
    const other = authenticateRecords(memory, { recordKey: OTHER_RECORD_KEY });
    const unknown = await readRecords({ product: PRODUCT, dekStore: other });
    expect(unknown).not.toHaveProperty('rotation');
    expect(errorsIn(unknown)).toMatchObject([
      { scopeId: `rotation:${PRODUCT}`, id: 'rotation', code: 'RECORD_KEY_UNKNOWN' },
      { scopeId: DEFINITIONS, code: 'RECORD_KEY_UNKNOWN' },
    ]);
  });

  it('is one that the store cannot decode', async () => {
    const database = new Database(':memory:');
    const dekStore = new SqliteDekStore(database);
    const made = setup({ memory: dekStore as never, dekStore });
    await registerDefinitions(made.encryptor, [note]);
    database.prepare("UPDATE dek_store SET item = '{' WHERE id = 'definition:notes'").run();
    const records = await readRecords(made.encryptor);
    expect(records).toMatchObject({ rotation: { epoch: 1 }, definitions: [] });
    expect(errorsIn(records)).toMatchObject([{ scopeId: DEFINITIONS, code: 'STORE_FAILED' }]);
  });
});

describe('a product without records', () => {
  it('is refused unless it may be empty, with the products that there are', async () => {
    const made = setup();
    await writeNotes(made, 1);
    const misspelt = { product: 'notelet', dekStore: made.dekStore };
    expect(await failure(readRecords(misspelt))).toEqual({
      ...{ name: 'FieldEncryptionError', code: 'PRODUCT_EMPTY' },
      message:
        'The product "notelet" has neither DEK rows nor a rotation record in this store, which has "notelett": correct "product" or "dekStore"; pass "allowEmpty: true" where nothing was encrypted yet',
    });
    expect(await readRecords(misspelt, { allowEmpty: true })).toEqual({
      ...{ product: 'notelet', leases: [], reencryptions: [], definitions: [], unreadable: [] },
    });
  });

  it('is not empty while it has rows', async () => {
    const made = setup();
    await writeNotes(made, 1);
    made.store.after = (method, result) => (method === 'getRotation' ? undefined : result);
    expect(await readRecords(made.encryptor)).not.toHaveProperty('rotation');
  });

  it('is not what a failed read says', async () => {
    const made = setup();
    await writeNotes(made, 1);
    for (const failing of ['getRotation', 'listItems']) {
      made.store.before = (method) => {
        if (method === failing) throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
      };
      expect(await rejection(readRecords(made.encryptor))).toMatchObject({
        code: 'STORE_UNAVAILABLE',
      });
    }
  });

  it('refuses invalid arguments', async () => {
    const { encryptor, dekStore } = setup();
    expect(await failure(readRecords({ product: '', dekStore }))).toEqual({
      name: 'TypeError',
      message: '"product" expected a non-empty string, got an empty one',
    });
    expect(await failure(readRecords(encryptor, { shard: 1 } as never))).toEqual({
      name: 'RangeError',
      message: '"shard" is no option: expected allowEmpty, signal',
    });
    expect(await failure(readRecords({ product: PRODUCT, dekStore: {} as never }))).toEqual({
      name: 'TypeError',
      message: '"dekStore" expected a DEK store with getItem, listItems and count, got an object',
    });
  });
});
