/** Cases about listing rows in pages: S7. @module */
import assert from 'node:assert/strict';
import type { DekRow } from '../format/dek-row.js';
import { isReadLag } from '../store/checked-dek-store.js';
import type { DekStore } from '../store/dek-store.js';
import {
  assertSameItem,
  readAllPages,
  type WholeListing,
  assertHonoursAbort,
} from './contract-assertions.js';
import type { SubjectCase, DekStoreSubject } from './contract-case.js';
import {
  disguisedRows,
  sampleItems,
  sampleLease,
  sampleRecord,
  sampleRow,
  sampleRows,
} from './sample-items.js';

const PRODUCT = 'sample';
const DEFAULT_PAGE_SIZE = 100;

export const DEK_LISTING_CASES: readonly SubjectCase<DekStoreSubject>[] = [
  {
    rule: 'S7',
    name: 'list returns each row once, unchanged, in pages of any size',
    async check({ store }) {
      const rows = await createRows(store, 13);
      for (const pageSize of [1, 2, 5, 13, 14, 1_000]) {
        const { items } = await listIds(store, pageSize);
        assert.deepEqual([...items].sort(), idsOf(rows), `pages of ${String(pageSize)}`);
      }
      const page = await store.list({ product: PRODUCT });
      for (const { value } of page.items) {
        const row = rows.find(({ id }) => id === (value as DekRow).id);
        assertSameItem(value, row as DekRow);
      }
    },
  },
  {
    rule: 'S7',
    name: 'list returns at most 100 rows in a page by default, and all of them in the end',
    async check({ store }) {
      const rows = await createRows(store, DEFAULT_PAGE_SIZE + 1);
      const { items } = await readAllPages({ pageSize: DEFAULT_PAGE_SIZE }, (continuation) =>
        store.list({ product: PRODUCT }, { continuation }),
      );
      assert.deepEqual(idsOf(items.map(({ value }) => value as DekRow)), idsOf(rows));
    },
  },
  {
    rule: 'S7',
    name: 'list of an empty store ends at once',
    async check({ store }) {
      await store.createItem(sampleRecord());
      assert.deepEqual((await listIds(store, 10)).items, []);
      assert.deepEqual((await listIds(store, 1)).items, []);
    },
  },
  {
    rule: 'S7',
    name: 'rows that are written during a listing neither hide nor repeat those that exist',
    async check({ store }) {
      const rows = await createRows(store, 12);
      let isFirst = true;
      const { items } = await readAllPages({ pageSize: 3 }, async (continuation) => {
        const page = await store.list({ product: PRODUCT }, { pageSize: 3, continuation });
        if (isFirst) await createRows(store, 30, 'late');
        isFirst = false;
        return page;
      });
      const ids = items.map(({ value }) => (value as DekRow).id);
      const early = new Set(idsOf(rows));
      assert.deepEqual(ids.filter((id) => early.has(id)).sort(), idsOf(rows));
    },
  },
  {
    rule: 'S7',
    name: 'rows that are replaced during a listing are returned once',
    async check({ store }) {
      const rows = await createRows(store, 12);
      const { items } = await readAllPages({ pageSize: 3 }, async (continuation) => {
        const page = await store.list({ product: PRODUCT }, { pageSize: 3, continuation });
        for (const { value, etag } of page.items) {
          await store.replace({ ...(value as DekRow), epoch: 2 }, etag);
        }
        return page;
      });
      assert.deepEqual(idsOf(items.map(({ value }) => value as DekRow)), idsOf(rows));
    },
  },
  {
    rule: 'S7',
    name: 'each continuation resumes after its page, repeatedly, also in another process',
    async check({ store, reopen }) {
      await createRows(store, 9);
      const whole = await listIds(store, 2);
      const later = await reopen();
      for (const from of [...whole.continuations, ...whole.continuations].reverse()) {
        const done = 2 * (whole.continuations.indexOf(from) + 1);
        const rest = await listIds(later, 2, from);
        assert.deepEqual(rest.items, whole.items.slice(done));
        assert.deepEqual((await listIds(later, 4, from)).items, whole.items.slice(done));
      }
      assert.ok(whole.continuations.length > 0, 'nine rows in pages of two need a continuation');
    },
  },
  {
    rule: 'S7',
    name: 'items of known types other than rows are skipped',
    async check({ store }) {
      const rows = await createRows(store, 3);
      for (const item of sampleItems(PRODUCT)) await store.createItem(item);
      await store.createItem(sampleLease(PRODUCT, 'tasks'));
      assert.deepEqual([...(await listIds(store, 2)).items].sort(), idsOf(rows));
    },
  },
  {
    rule: 'S7',
    name: 'items of unknown types are listed',
    async check({ store }) {
      const rows = await createRows(store, 3);
      const later = { ...sampleRow({ document: 'later' }), type: 'kek' } as unknown as DekRow;
      await store.create(later);
      assert.deepEqual([...(await listIds(store, 2)).items].sort(), idsOf([...rows, later]));
    },
  },
  {
    rule: 'S7',
    name: 'rows are listed whose type was changed to that of another item',
    async check({ store }) {
      const rows = disguisedRows();
      for (const row of rows) await store.create(row);
      assert.deepEqual([...(await listIds(store, 2)).items].sort(), idsOf(rows));
    },
  },
];

async function createRows(store: DekStore, count: number, document = 'n'): Promise<DekRow[]> {
  const rows = sampleRows(count, { product: PRODUCT, document });
  for (const row of rows) await store.create(row);
  return rows;
}

async function listIds(
  store: DekStore,
  pageSize: number,
  from?: string,
): Promise<WholeListing<string>> {
  const { items, continuations } = await readAllPages(
    { pageSize, continuation: from },
    (continuation) => store.list({ product: PRODUCT }, { pageSize, continuation }),
  );
  return { items: items.map(({ value }) => (value as DekRow).id), continuations };
}

function idsOf(rows: readonly DekRow[]): readonly string[] {
  return rows.map(({ id }) => id).sort();
}

export const DEK_LAG_CASES: readonly SubjectCase<DekStoreSubject>[] = [
  {
    rule: 'S13',
    name: 'readLagMs, if present, returns milliseconds from 0 to 3 600 000',
    async check({ store }) {
      if (store.readLagMs === undefined) return;
      const lagMs: unknown = await store.readLagMs();
      assert.ok(isReadLag(lagMs), 'expected a number from 0 to 3 600 000');
    },
  },
  {
    rule: 'S13',
    name: 'readLagMs that cannot be determined rejects, or returns its previous value',
    async check({ store, breakReads }) {
      if (store.readLagMs === undefined) return;
      const lagMs = await store.readLagMs();
      await breakReads();
      const [again] = await Promise.allSettled([store.readLagMs()]);
      if (again.status === 'fulfilled') assert.equal(again.value, lagMs);
    },
  },
  {
    rule: 'S12',
    name: 'readLagMs, if present, rejects with the reason of an aborted signal',
    async check({ store }) {
      if (store.readLagMs === undefined) return;
      await assertHonoursAbort(async (signal) => store.readLagMs?.({ signal }));
    },
  },
];
