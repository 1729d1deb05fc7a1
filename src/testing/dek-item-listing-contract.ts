/** Cases about listing the items of a scope, and products: S15 and S16. @module */
import assert from 'node:assert/strict';
import { leaseScopeId } from '../format/lease.js';
import {
  MOST_PRODUCTS,
  type DekStore,
  type DekStoreItem,
  type StoredItem,
} from '../store/dek-store.js';
import { assertSameItem, readAllPages, type WholeListing } from './contract-assertions.js';
import type { SubjectCase, DekStoreSubject } from './contract-case.js';
import { ODD_TEXTS, sampleItems, sampleLease, sampleRecord, sampleRow } from './sample-items.js';

const DEFAULT_PAGE_SIZE = 100;
const ITS_SCOPES = sampleItems().map(({ scopeId }) => scopeId);

export const DEK_ITEM_LISTING_CASES: readonly SubjectCase<DekStoreSubject>[] = [
  {
    rule: 'S15',
    name: 'listItems returns each item of the scope once, unchanged, in pages of any size',
    async check({ store }) {
      const leases = await createLeases(store, 13);
      await store.createItem(sampleRecord());
      await store.create(sampleRow());
      for (const pageSize of [1, 2, 5, 13, 14, 1_000]) {
        const { items } = await listAll(store, 'sample', pageSize);
        assert.deepEqual(idsOf(items), leases.map(({ id }) => id).sort());
      }
      for (const { value, etag } of (await listAll(store, 'sample', 5)).items) {
        const { id, scopeId } = value as DekStoreItem;
        assertSameItem(value, leases.find((lease) => lease.id === id) as DekStoreItem);
        assert.equal((await store.getItem(scopeId, id))?.etag, etag);
      }
    },
  },
  {
    rule: 'S15',
    name: 'listItems returns at most 100 items in a page by default, and all in the end',
    async check({ store }) {
      const leases = await createLeases(store, DEFAULT_PAGE_SIZE + 1);
      const { items } = await readAllPages({ pageSize: DEFAULT_PAGE_SIZE }, (continuation) =>
        store.listItems(leaseScopeId('sample'), { continuation }),
      );
      assert.equal(new Set(idsOf(items)).size, leases.length);
      assert.equal(items.length, leases.length);
    },
  },
  {
    rule: 'S15',
    name: 'listItems returns no item of another scope, and items of any type',
    async check({ store }) {
      const products = ['sample', ...ODD_TEXTS];
      for (const product of products) {
        const items = sampleItems(product);
        const scopeIds = [leaseScopeId(product), ...(product === 'sample' ? ITS_SCOPES : [])];
        for (const item of items.filter(({ scopeId }) => scopeIds.includes(scopeId))) {
          await store.createItem(item);
        }
      }
      for (const product of products) {
        const { items } = await listAll(store, product, 3);
        assert.deepEqual(idsOf(items), ['lease:notes', 'reencryption:notes']);
        for (const { value } of items) assert.equal((value as DekStoreItem).product, product);
      }
      assert.deepEqual((await listAll(store, 'another', 3)).items, []);
    },
  },
  {
    rule: 'S15',
    name: 'items that are written, replaced or deleted during a listing hide and repeat no others',
    async check({ store }) {
      const leases = await createLeases(store, 12);
      const [gone] = leases;
      let isFirst = true;
      const { items } = await readAllPages({ pageSize: 3 }, async (continuation) => {
        const options = { pageSize: 3, continuation };
        const page = await store.listItems(leaseScopeId('sample'), options);
        for (const { value, etag } of page.items) await touch(store, value, etag, gone);
        if (isFirst) await createLeases(store, 9, 'late');
        isFirst = false;
        return page;
      });
      const stayed = leases.map(({ id }) => id).filter((id) => id !== gone?.id);
      const listed = idsOf(items).filter((id) => stayed.includes(id));
      assert.deepEqual(listed, stayed.sort());
    },
  },
  {
    rule: 'S15',
    name: 'each continuation resumes after its page, also in another process',
    async check({ store, reopen }) {
      await createLeases(store, 9);
      const whole = await listAll(store, 'sample', 2);
      assert.ok(whole.continuations.length > 0, 'nine items in pages of two need a continuation');
      const later = await reopen();
      for (const from of [...whole.continuations].reverse()) {
        const done = 2 * (whole.continuations.indexOf(from) + 1);
        const rest = await listAll(later, 'sample', 2, from);
        assert.deepEqual(rest.items, whole.items.slice(done));
      }
    },
  },
  {
    rule: 'S16',
    name: 'listProducts, if present, returns the product of each rotation record, and of nothing else',
    async check({ store }) {
      if (store.listProducts === undefined) return;
      assert.deepEqual(await store.listProducts(), []);
      for (const product of ['one', 'two']) {
        await store.createItem(sampleRecord(product));
        await store.createItem(sampleLease(product, 'notes'));
      }
      await store.createItem(sampleLease('three', 'notes'));
      await store.create(sampleRow());
      const products = await store.listProducts();
      assert.deepEqual([...products].sort(), ['one', 'two']);
    },
  },
  {
    rule: 'S16',
    name: 'listProducts, if present, returns no more than a hundred',
    async check({ store }) {
      if (store.listProducts === undefined) return;
      for (let number = 0; number < MOST_PRODUCTS + 1; number += 1) {
        await store.createItem(sampleRecord(`product-${String(number)}`));
      }
      assert.equal((await store.listProducts()).length, MOST_PRODUCTS);
    },
  },
];

async function createLeases(
  store: DekStore,
  count: number,
  prefix = 'c',
): Promise<readonly DekStoreItem[]> {
  const leases = Array.from({ length: count }, (_, index) =>
    sampleLease('sample', `${prefix}-${String(index)}`),
  );
  for (const lease of leases) await store.createItem(lease);
  return leases;
}

function listAll(
  store: DekStore,
  product: string,
  pageSize: number,
  from?: string,
): Promise<WholeListing<StoredItem>> {
  return readAllPages({ pageSize, continuation: from }, (continuation) =>
    store.listItems(leaseScopeId(product), { pageSize, continuation }),
  );
}

async function touch(
  store: DekStore,
  value: unknown,
  etag: string,
  gone: DekStoreItem | undefined,
): Promise<void> {
  const item = value as DekStoreItem;
  if (item.id === gone?.id) await store.deleteItem(item.scopeId, item.id, etag);
  else await store.replaceItem(item, etag);
}

function idsOf(items: readonly StoredItem[]): readonly string[] {
  return items.map(({ value }) => (value as DekStoreItem).id).sort();
}
