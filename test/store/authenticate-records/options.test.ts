import { readLeaseItem, readRotationItem } from '../../../src/store/dek-store.js';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { DekStoreItem } from '../../../src/adapters.js';
import {
  authenticateRecords,
  createFieldEncryptor,
  StoreError,
  type DekStore,
} from '../../../src/index.js';
import { MemoryDekStore } from '../../../src/testing/index.js';
import {
  sampleItems,
  sampleLease,
  sampleRecord,
  sampleRow,
} from '../../../src/testing/sample-items.js';
import { envKeys } from '../../support/rotations.js';
import { failure, failureOf } from '../../support/failure.js';
import { probed } from '../../support/probe.js';
import { PREVIOUS_RECORD_KEY, RECORD_KEY, RECORD_KEY_ID } from '../../support/records.js';

const BYTES = Buffer.from(RECORD_KEY, 'hex');
const SPELLING = 'must be 32 bytes as base64, base64url or hex';
const memory = new MemoryDekStore();

const BAD_OPTIONS: readonly (readonly [options: unknown, name: string, message: string])[] = [
  [{ recordKey: '' }, 'RangeError', '"recordKey" is empty'],
  [{ recordKey: 'short' }, 'RangeError', `"recordKey" ${SPELLING}`],
  [{ recordKey: BYTES }, 'TypeError', '"recordKey" expected a string'],
  [
    { recordKey: RECORD_KEY, previousRecordKeys: [PREVIOUS_RECORD_KEY, 'x'] },
    'RangeError',
    `"previousRecordKeys[1]" ${SPELLING}`,
  ],
  [
    { recordKey: RECORD_KEY, previousRecordKeys: [BYTES.toString('base64')] },
    'RangeError',
    'A record key is given twice',
  ],
  [
    { recordKey: RECORD_KEY, previousRecordKeys: PREVIOUS_RECORD_KEY },
    'TypeError',
    '"previousRecordKeys" expected an array',
  ],
  [
    { recordKey: RECORD_KEY, insecureAcceptUnauthenticatedRecords: 1 },
    'TypeError',
    '"insecureAcceptUnauthenticatedRecords" expected a boolean, got a number',
  ],
];

function made(options: object): ReturnType<typeof createFieldEncryptor> {
  const parts = { product: 'notelett', keyProviders: [envKeys('a')], dekStore: memory };
  return createFieldEncryptor({ ...parts, ...options });
}

describe('a record key', () => {
  it.each(BAD_OPTIONS)('is refused by both functions: %j', (options, name, message) => {
    const refusal = { name, message };
    expect(failureOf(() => authenticateRecords(memory, options as never))).toEqual(refusal);
    expect(failureOf(() => made(options as object))).toEqual(refusal);
  });

  it.each([
    [{}, '"recordKey" expected a string', 'TypeError'],
    [
      { recordKey: RECORD_KEY, recordKeys: [] },
      '"recordKeys" is no option: expected recordKey, previousRecordKeys, insecureAcceptUnauthenticatedRecords; did you mean "recordKey"?',
      'RangeError',
    ],
    [undefined, '"options" expected a plain object, got undefined', 'TypeError'],
    [[], '"options" expected a plain object, got an array', 'TypeError'],
  ])('has to be there, and no other option: %j', (options, message, name) => {
    expect(failureOf(() => authenticateRecords(memory, options as never))).toEqual({
      name,
      message,
    });
  });

  it.each([
    ['previousRecordKeys', [PREVIOUS_RECORD_KEY]],
    ['previousRecordKeys', []],
    ['insecureAcceptUnauthenticatedRecords', true],
    ['insecureAcceptUnauthenticatedRecords', false],
  ])(
    'that is missing beside "%s" is refused: protection would be off unnoticed',
    (option, value) => {
      expect(failureOf(() => made({ [option]: value }))).toEqual({
        name: 'TypeError',
        message: `"${option}" without a "recordKey" protects nothing: pass the key too`,
      });
    },
  );

  it('is taken however it is written, and has one id', async () => {
    for (const recordKey of [RECORD_KEY.toUpperCase(), BYTES.toString('base64url')]) {
      const store = new MemoryDekStore();
      await authenticateRecords(store, { recordKey }).create(sampleRow());
      expect((await store.get(sampleRow().id))?.value).toMatchObject({ macKeyId: RECORD_KEY_ID });
    }
  });

  it('is never shown', () => {
    const dekStore = authenticateRecords(memory, {
      recordKey: RECORD_KEY,
      previousRecordKeys: [PREVIOUS_RECORD_KEY],
    });
    const encryptor = made({ recordKey: RECORD_KEY });
    for (const each of [dekStore, encryptor]) {
      const shown = inspect(each, { depth: null, showHidden: true }) + JSON.stringify(each);
      for (const key of [RECORD_KEY, PREVIOUS_RECORD_KEY]) {
        const bytes = Buffer.from(key, 'hex');
        for (const form of ['hex', 'base64', 'base64url'] as const) {
          expect(shown).not.toContain(bytes.toString(form));
        }
        expect(shown).not.toContain([...bytes].slice(0, 8).join(', '));
      }
    }
  });
});

describe('an authenticated store', () => {
  const store = authenticateRecords(new MemoryDekStore(), { recordKey: RECORD_KEY });

  it('is not authenticated twice', () => {
    expect(failureOf(() => authenticateRecords(store, { recordKey: PREVIOUS_RECORD_KEY }))).toEqual(
      {
        name: 'TypeError',
        message: '"dekStore" already authenticates its records',
      },
    );
    expect(made({ dekStore: store }).dekStore).toBe(store);
  });

  it('takes no record that has a mac already, and no store that is none', async () => {
    const row = { ...sampleRow(), macKeyId: RECORD_KEY_ID, mac: 'A'.repeat(43) };
    expect(await failure(store.create(row))).toEqual({
      name: 'TypeError',
      message: 'A record to authenticate already has a mac',
    });
    expect(await store.get(row.id)).toBeUndefined();
    expect(failureOf(() => authenticateRecords({} as never, { recordKey: RECORD_KEY }))).toEqual({
      name: 'TypeError',
      message: '"dekStore" expected a DEK store with create, get, replace and list, got an object',
    });
  });

  it('says of each record which key vouches for it, and leaves leases as they are', async () => {
    const inner = new MemoryDekStore();
    const outer = authenticateRecords(inner, { recordKey: RECORD_KEY });
    const row = await outer.create(sampleRow());
    const record = await outer.createItem(sampleRecord());
    const lease = await outer.createItem(sampleLease());
    expect([row.authenticatedBy, record.authenticatedBy]).toEqual([RECORD_KEY_ID, RECORD_KEY_ID]);
    expect(await outer.get(sampleRow().id)).toEqual(row);
    expect(await readRotationItem(outer, 'sample')).toEqual(record);
    expect(lease).toEqual(await readLeaseItem(inner, 'sample', 'notes'));
    expect(lease.value).not.toHaveProperty('mac');
  });

  it.each(sampleItems().filter(({ type }) => type !== 'lease'))(
    'authenticates an item of the type $type as it does a row',
    async (item) => {
      const [inner, probe] = probed<DekStore>(new MemoryDekStore());
      const outer = authenticateRecords(inner, { recordKey: RECORD_KEY });
      const { scopeId, id } = item;
      const created = await outer.createItem(item);
      const written = await outer.replaceItem(item, created.etag);
      const signed = await inner.getItem(scopeId, id);
      expect(signed?.value).toMatchObject({ macKeyId: RECORD_KEY_ID });
      expect(await outer.getItem(scopeId, id)).toEqual(written);
      expect(written).toMatchObject({ value: item, authenticatedBy: RECORD_KEY_ID });
      const altered = { ...(signed?.value as DekStoreItem), schema: 2 };
      await inner.replaceItem(altered, signed?.etag ?? '');
      const forged = await failure(outer.getItem(scopeId, id));
      expect(forged).toMatchObject({ code: 'TAMPERED' });
      const { items } = await outer.listItems(scopeId);
      expect(items).toMatchObject([{ value: undefined, error: { code: 'TAMPERED' } }]);
      probe.after = (method, result) => (method === 'listItems' ? result : signed);
      expect(await failure(outer.getItem(scopeId, 'another'))).toMatchObject({ code: 'TAMPERED' });
    },
  );

  it('takes no item for a lease because its type says so', async () => {
    const inner = new MemoryDekStore();
    const outer = authenticateRecords(inner, { recordKey: RECORD_KEY });
    const item = { id: 'reencryption:notes', scopeId: 'lease:sample', product: 'sample' };
    await inner.createItem({ ...item, type: 'lease' });
    expect(await failure(outer.getItem(item.scopeId, item.id))).toEqual({
      name: 'TamperedError',
      code: 'TAMPERED',
      message:
        'The re-encryption item of "notes" has no mac: it was changed, or written without the record key; restore it from a backup, or run resealRecords if record authentication was turned on recently',
    });
  });

  it('names an item that was put in the place of another', async () => {
    const [inner, probe] = probed<DekStore>(new MemoryDekStore());
    const outer = authenticateRecords(inner, { recordKey: RECORD_KEY });
    await outer.createItem(sampleRecord('other'));
    const other = await inner.getItem('rotation:other', 'rotation');
    probe.after = () => other;
    expect(await failure(outer.getItem('rotation:sample', 'rotation'))).toEqual({
      name: 'TamperedError',
      code: 'TAMPERED',
      message:
        'The rotation record of "sample" was replaced by another item: restore it from a backup',
    });
  });

  it('passes on what the store itself cannot decode, as it is', async () => {
    const [inner, probe] = probed<DekStore>(new MemoryDekStore());
    const outer = authenticateRecords(inner, { recordKey: RECORD_KEY });
    const error = new StoreError('STORE_FAILED', 'not JSON', { dekId: sampleRow().id });
    const item = { value: undefined, etag: '"1"', error };
    probe.after = (method) => (method === 'list' ? { items: [item] } : new Map([['id', item]]));
    expect((await outer.list({ product: 'sample' })).items).toEqual([item]);
    expect((await outer.getMany(['id'])).get('id')?.error).toBe(error);
  });

  it('passes signal and price on, and says how far reads lag', async () => {
    const seen: unknown[] = [];
    const inner = new MemoryDekStore();
    const spied = new Proxy(inner, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name);
        if (name === 'readLagMs') return () => Promise.resolve(70);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]) => {
          seen.push([name, args.at(-1)]);
          return (member as (...all: unknown[]) => unknown).apply(target, args);
        };
      },
    });
    const outer = authenticateRecords(spied, { recordKey: RECORD_KEY });
    const options = { signal: new AbortController().signal, onRequestCharge: () => undefined };
    const { id, scopeId, product } = sampleRow();
    const { etag } = await outer.create(sampleRow(), options);
    await outer.get(id, options);
    await outer.getMany([id], options);
    await outer.listScope(scopeId, options);
    await outer.replace(sampleRow(), etag, options);
    await outer.list({ product }, options);
    await outer.count({ product }, options);
    const rotation = await outer.createItem(sampleRecord(), options);
    await readRotationItem(outer, product, options);
    await outer.replaceItem(sampleRecord(), rotation.etag, options);
    const lease = await outer.createItem(sampleLease(), options);
    await readLeaseItem(outer, product, 'notes', options);
    const { etag: leaseEtag } = await outer.replaceItem(sampleLease(), lease.etag, options);
    await outer.listItems(sampleLease().scopeId, options);
    await outer.deleteItem(sampleLease().scopeId, sampleLease().id, leaseEtag, options);
    expect(seen).toHaveLength(15);
    for (const [, given] of seen as [string, unknown][]) expect(given).toBe(options);
    expect(await outer.readLagMs?.(options)).toBe(70);
    expect('readLagMs' in authenticateRecords(inner, { recordKey: RECORD_KEY })).toBe(false);
  });
});
