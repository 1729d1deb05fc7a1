/** Cases about items other than rows: S9 and S14. @module */
import {
  readLeaseItem,
  readRotationItem,
  type DekStore,
  type DekStoreItem,
  type StoredItem,
} from '../store/dek-store.js';
import assert from 'node:assert/strict';
import { leaseScopeId, type Lease } from '../format/lease.js';
import { cellCases, type Cell } from './cell-contract.js';
import {
  assertOneWins,
  assertRejectsWith,
  assertSameItem,
  assertSameStored,
} from './contract-assertions.js';
import type { SubjectCase, DekStoreSubject } from './contract-case.js';
import { ODD_TEXTS, sampleItems, sampleLease, sampleRecord, sampleRow } from './sample-items.js';

const RULES = { create: 'S9', read: 'S9', replace: 'S9', etag: 'S9' };
const DELETERS = 20;
const LIVES = 5;

export const DEK_ITEM_CASES: readonly SubjectCase<DekStoreSubject>[] = [
  ...cellCases('an item other than a row', RULES, leaseCell),
  {
    rule: 'S9',
    name: 'items with one id in different scopes are separate, whatever their names',
    async check({ store }) {
      for (const product of ODD_TEXTS) await store.createItem(sampleRecord(product));
      for (const product of ODD_TEXTS) {
        const item = await readRotationItem(store, product);
        assertSameItem(item?.value, sampleRecord(product));
      }
      assert.equal(await readRotationItem(store, 'another'), undefined);
    },
  },
  {
    rule: 'S9',
    name: 'items of one scope are separate, whatever their names',
    async check({ store }) {
      for (const text of ODD_TEXTS) await store.createItem(sampleLease('sample', text));
      for (const text of ODD_TEXTS) {
        const item = await readLeaseItem(store, 'sample', text);
        assertSameItem(item?.value, sampleLease('sample', text));
      }
      assert.equal(await readLeaseItem(store, 'sample', 'another'), undefined);
    },
  },
  {
    rule: 'S9',
    name: 'rows and items of every type do not affect one another',
    async check({ store }) {
      const row = await store.create(sampleRow());
      const items = sampleItems();
      const created = await Promise.all(items.map((item) => store.createItem(item)));
      for (const [at, item] of items.entries()) {
        await store.replaceItem({ ...item, ...{ changed: at } }, created[at]?.etag ?? '');
      }
      for (const [at, item] of items.entries()) {
        assertSameItem((await readAgain(store, item))?.value, { ...item, changed: at });
      }
      assertSameStored(await store.get(sampleRow().id), row);
    },
  },
  {
    rule: 'S14',
    name: 'deleteItem removes the item under its newest etag, and nothing else',
    async check({ store }) {
      const [lease, other] = [sampleLease(), sampleLease('sample', 'tasks')];
      const { etag } = await store.createItem(lease);
      const untouched = await store.createItem(other);
      const newest = await store.replaceItem(lease, etag);
      await remove(store, lease, newest.etag);
      assert.equal(await readAgain(store, lease), undefined);
      assertSameStored(await readAgain(store, other), untouched);
      const left = await store.listItems(leaseScopeId('sample'));
      assert.deepEqual(left.items.map(idOf), [other.id]);
    },
  },
  {
    rule: 'S14',
    name: 'deleteItem is refused under any other etag, and removes nothing',
    async check({ store }) {
      const lease = sampleLease();
      const first = await store.createItem(lease);
      const second = await store.replaceItem(lease, first.etag);
      const other = await store.createItem(sampleLease('sample', 'tasks'));
      for (const etag of [first.etag, other.etag, 'an-unknown-etag', '', '*']) {
        await assertRejectsWith('ETAG_MISMATCH', remove(store, lease, etag));
      }
      assertSameStored(await readAgain(store, lease), second);
    },
  },
  {
    rule: 'S14',
    name: 'deleteItem of a deleted or unknown item is an etag mismatch',
    async check({ store }) {
      const lease = sampleLease();
      await assertRejectsWith('ETAG_MISMATCH', remove(store, lease, 'an-unknown-etag'));
      const { etag } = await store.createItem(lease);
      await remove(store, lease, etag);
      await assertRejectsWith('ETAG_MISMATCH', remove(store, lease, etag));
      await assertRejectsWith('ETAG_MISMATCH', store.replaceItem(lease, etag));
    },
  },
  {
    rule: 'S14',
    name: 'exactly one of 20 concurrent deletes with one etag succeeds',
    async check({ store }) {
      const lease = sampleLease();
      const { etag } = await store.createItem(lease);
      const deletes = Array.from({ length: DELETERS }, () => remove(store, lease, etag));
      await assertOneWins(deletes, 'ETAG_MISMATCH');
      assert.equal(await readAgain(store, lease), undefined);
    },
  },
  {
    rule: 'S14',
    name: 'of a delete and a replace with one etag exactly one succeeds',
    async check({ store }) {
      const lease = sampleLease();
      const { etag } = await store.createItem(lease);
      const deletion = remove(store, lease, etag).then(() => undefined);
      const winner = await assertOneWins(
        [deletion, store.replaceItem(sampleLease('sample', 'notes', 'worker-2'), etag)],
        'ETAG_MISMATCH',
      );
      assert.equal((await readAgain(store, lease))?.etag, winner?.etag);
    },
  },
  {
    rule: 'S14',
    name: 'a deleted item can be created again, and none of its etags is reused',
    async check({ store }) {
      const lease = sampleLease();
      const etags: string[] = [];
      for (let life = 0; life < LIVES; life += 1) {
        const created = await store.createItem(lease);
        const replaced = await store.replaceItem(lease, created.etag);
        etags.push(created.etag, replaced.etag);
        await remove(store, lease, replaced.etag);
      }
      assert.equal(new Set(etags).size, etags.length);
      const last = await store.createItem(lease);
      for (const etag of etags) {
        await assertRejectsWith('ETAG_MISMATCH', remove(store, lease, etag));
      }
      assertSameStored(await readAgain(store, lease), last);
    },
  },
];

function leaseCell({ store }: DekStoreSubject): Cell<Lease> {
  return {
    item: (content) => sampleLease('sample', 'notes', `worker-${String(content)}`),
    create: (lease) => store.createItem(lease),
    read: () => readLeaseItem(store, 'sample', 'notes'),
    replace: (lease, etag) => store.replaceItem(lease, etag),
  };
}

function remove(store: DekStore, { scopeId, id }: DekStoreItem, etag: string): Promise<void> {
  return store.deleteItem(scopeId, id, etag);
}

function readAgain(
  store: DekStore,
  { scopeId, id }: DekStoreItem,
): Promise<StoredItem | undefined> {
  return store.getItem(scopeId, id);
}

function idOf({ value }: StoredItem): string {
  return (value as DekStoreItem).id;
}
