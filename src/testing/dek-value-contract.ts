/** Cases about returned values, visibility and aborts: S10 to S12. @module */
import { readLeaseItem, readRotationItem } from '../store/dek-store.js';
import assert from 'node:assert/strict';
import { dekIdOf, scopeIdOf } from '../format/key-scope.js';
import {
  assertHonoursAbort,
  assertRejectsWith,
  assertSameItem,
  assertSameStored,
} from './contract-assertions.js';
import type { SubjectCase, DekStoreSubject } from './contract-case.js';
import { ODD_TEXTS, sampleLease, sampleRecord, sampleRow } from './sample-items.js';

type StoreCall = readonly [
  name: string,
  call: (store: DekStoreSubject['store'], signal?: AbortSignal) => Promise<unknown>,
];

const { id, scopeId, product } = sampleRow();

const READS: readonly StoreCall[] = [
  ['get', (store, signal) => store.get(id, { signal })],
  ['getMany', (store, signal) => store.getMany([id], { signal })],
  ['getMany of none', (store, signal) => store.getMany([], { signal })],
  ['listScope', (store, signal) => store.listScope(scopeId, { signal })],
  ['list', (store, signal) => store.list({ product }, { ...(signal && { signal }) })],
  ['count', (store, signal) => store.count({ product }, { signal })],
  ['getItem', (store, signal) => readRotationItem(store, product, { signal })],
  ['listItems', (store, signal) => store.listItems(scopeId, { ...(signal && { signal }) })],
];

const CREATES: readonly StoreCall[] = [
  ['create', (store, signal) => store.create(sampleRow(), { signal })],
  ['createItem', (store, signal) => store.createItem(sampleRecord(), { signal })],
];

export const DEK_VALUE_CASES: readonly SubjectCase<DekStoreSubject>[] = [
  {
    rule: 'S10',
    name: 'every string of a row is returned as it was written',
    async check({ store }) {
      for (const [at, text] of ODD_TEXTS.entries()) {
        const generation = at + 1;
        const scope = [text, `${text}${text}`, 'notes'];
        const row = {
          ...sampleRow({ product: text, generation }),
          scope,
          scopeId: scopeIdOf('document', text, scope),
          keyProvider: text,
          mekName: text,
        };
        const named = { ...row, id: dekIdOf(row.scopeId, generation) };
        const created = await store.create(named);
        assertSameItem(created.value, named);
        assertSameItem((await store.get(named.id))?.value, named);
        assertSameItem((await store.listScope(named.scopeId))[0]?.value, named);
      }
    },
  },
  {
    rule: 'S10',
    name: 'later changes to an item by a caller do not change what is stored',
    async check({ store }) {
      const scope = ['notes', 'n1'];
      const created = await store.create({ ...sampleRow(), scope });
      scope.push('changed by the caller');
      (created.value as { scope: string[] }).scope.push('changed too');
      const read = await store.get(id);
      assertSameItem(read?.value, sampleRow());
      (read?.value as { scope: string[] }).scope.push('changed again');
      assertSameItem((await store.get(id))?.value, sampleRow());
    },
  },
  {
    rule: 'S11',
    name: 'an acknowledged write is visible to every process that opens the data later',
    async check({ store, reopen }) {
      const row = await store.create(sampleRow());
      const record = await store.createItem(sampleRecord());
      const lease = await store.createItem(sampleLease());
      const other = await reopen();
      assertSameStored(await other.get(id), row);
      assertSameStored(await readRotationItem(other, product), record);
      assertSameStored(await readLeaseItem(other, product, 'notes'), lease);
      assert.equal(await other.count({ product }), 1);
    },
  },
  {
    rule: 'S11',
    name: "concurrent processes see each other's writes, and share etags",
    async check({ store, reopen }) {
      const other = await reopen();
      assert.equal(await other.get(id), undefined);
      assert.equal(await store.get(id), undefined);
      const created = await store.create(sampleRow());
      await assertRejectsWith('ALREADY_EXISTS', other.create(sampleRow()));
      const replaced = await other.replace(sampleRow({ epoch: 2 }), created.etag);
      assertSameStored(await store.get(id), replaced);
      await assertRejectsWith(
        'ETAG_MISMATCH',
        store.replace(sampleRow({ epoch: 3 }), created.etag),
      );
    },
  },
  ...[...READS, ...CREATES].map(([name, call]) => ({
    rule: 'S12',
    name: `${name} rejects with the reason of an aborted signal`,
    check: ({ store }: DekStoreSubject) => assertHonoursAbort((signal) => call(store, signal)),
  })),
  {
    rule: 'S12',
    name: 'nothing is created once the signal has aborted',
    async check({ store }) {
      for (const [, call] of CREATES) await assertHonoursAbort((signal) => call(store, signal));
      assert.equal(await store.get(id), undefined);
      assert.equal(await readRotationItem(store, product), undefined);
      assert.equal(await readLeaseItem(store, product, 'notes'), undefined);
    },
  },
  {
    rule: 'S12',
    name: 'nothing is deleted once the signal has aborted',
    async check({ store }) {
      const lease = await store.createItem(sampleLease());
      const { scopeId: scope, id: itemId } = sampleLease();
      await assertHonoursAbort((signal) => store.deleteItem(scope, itemId, lease.etag, { signal }));
      assertSameStored(await readLeaseItem(store, product, 'notes'), lease);
    },
  },
  {
    rule: 'S12',
    name: 'nothing is replaced once the signal has aborted',
    async check({ store }) {
      const row = await store.create(sampleRow());
      const record = await store.createItem(sampleRecord());
      const lease = await store.createItem(sampleLease());
      await assertHonoursAbort((signal) =>
        store.replace(sampleRow({ epoch: 2 }), row.etag, { signal }),
      );
      await assertHonoursAbort((signal) =>
        store.replaceItem(sampleRecord(product, 2), record.etag, { signal }),
      );
      await assertHonoursAbort((signal) =>
        store.replaceItem(sampleLease(product, 'notes', 'worker-2'), lease.etag, { signal }),
      );
      assertSameStored(await store.get(id), row);
      assertSameStored(await readRotationItem(store, product), record);
      assertSameStored(await readLeaseItem(store, product, 'notes'), lease);
    },
  },
];
