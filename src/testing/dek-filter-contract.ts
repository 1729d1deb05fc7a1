/** Cases about the filters of `list` and `count`: S8. @module */
import assert from 'node:assert/strict';
import type { DekRow } from '../format/dek-row.js';
import type { DekRowFilter, DekStore } from '../store/dek-store.js';
import type { SubjectCase, DekStoreSubject } from './contract-case.js';
import {
  ODD_TEXTS,
  disguisedRows,
  sampleItems,
  sampleRow,
  sampleRows,
  sampleTombstone,
} from './sample-items.js';
import { readAllPages } from './contract-assertions.js';

export const DEK_FILTER_CASES: readonly SubjectCase<DekStoreSubject>[] = [
  {
    rule: 'S8',
    name: 'list and count apply product, version and id range, each alone and all together',
    async check({ store }) {
      const rows = await createMixedRows(store);
      const ids = rows.map(({ id }) => id).sort();
      const ranges = [{}, { idFrom: ids[5] }, { idBefore: ids[11] }];
      for (const product of ['one', 'two', 'none']) {
        for (const mekVersion of [undefined, 'v1', 'v2', 'v3']) {
          for (const range of [...ranges, { idFrom: ids[5], idBefore: ids[11] }]) {
            await assertFinds(store, rows, { product, mekVersion, ...range });
          }
        }
      }
    },
  },
  {
    rule: 'S8',
    name: 'an id range begins with its first id and ends before its last',
    async check({ store }) {
      const rows = await createMixedRows(store);
      const [first, second, third] = rows
        .filter(({ product }) => product === 'one')
        .map(({ id }) => id)
        .sort();
      const filter = { product: 'one', idFrom: first, idBefore: third };
      assert.deepEqual(await listIds(store, filter), [first, second]);
      assert.equal(await store.count(filter), 2);
      assert.equal(await store.count({ product: 'one', idFrom: first, idBefore: first }), 0);
    },
  },
  {
    rule: 'S8',
    name: 'count skips items other than rows, and counts unknown types and tombstones',
    async check({ store }) {
      const { product } = sampleRow();
      for (const item of sampleItems(product)) await store.createItem(item);
      assert.equal(await store.count({ product }), 0);
      await store.create(sampleTombstone({ document: 'gone' }));
      const later = { ...sampleRow({ document: 'later' }), type: 'kek' } as unknown as DekRow;
      await store.create(later);
      assert.equal(await store.count({ product }), 2);
      assert.equal(await store.count({ product, mekVersion: 'v1' }), 1);
    },
  },
  {
    rule: 'S8',
    name: 'count counts a row whose type was changed to that of another item',
    async check({ store }) {
      const { product } = sampleRow();
      for (const row of disguisedRows()) await store.create(row);
      assert.equal(await store.count({ product }), disguisedRows().length);
    },
  },
  {
    rule: 'S8',
    name: 'a replaced row is found only under its new version',
    async check({ store }) {
      const { product } = sampleRow();
      const { etag } = await store.create(sampleRow({ mekVersion: 'v1' }));
      await store.replace(sampleRow({ mekVersion: 'v2' }), etag);
      assert.equal(await store.count({ product, mekVersion: 'v1' }), 0);
      assert.deepEqual(await listIds(store, { product, mekVersion: 'v1' }), []);
      assert.deepEqual(await listIds(store, { product, mekVersion: 'v2' }), [sampleRow().id]);
    },
  },
  {
    rule: 'S8',
    name: 'products are compared byte for byte',
    async check({ store }) {
      const rows = ODD_TEXTS.map((product) => sampleRow({ product }));
      for (const row of rows) await store.create(row);
      for (const { product, id } of rows) {
        assert.equal(await store.count({ product }), 1, JSON.stringify(product));
        assert.deepEqual(await listIds(store, { product }), [id]);
      }
    },
  },
];

/** Two products, two versions, a tombstone in each. */
async function createMixedRows(store: DekStore): Promise<readonly DekRow[]> {
  const rows: DekRow[] = ['one', 'two'].flatMap((product) => [
    ...sampleRows(4, { product, mekVersion: 'v1', document: 'old' }),
    ...sampleRows(4, { product, mekVersion: 'v2', document: 'new' }),
    sampleTombstone({ product, document: 'gone' }),
  ]);
  for (const row of rows) await store.create(row);
  return rows;
}

async function assertFinds(
  store: DekStore,
  rows: readonly DekRow[],
  filter: DekRowFilter,
): Promise<void> {
  const { product, mekVersion, idFrom = '', idBefore = '~' } = filter;
  const expected = rows
    .filter((row) => row.product === product && row.id >= idFrom && row.id < idBefore)
    .filter((row) => mekVersion === undefined || versionOf(row) === mekVersion)
    .map(({ id }) => id)
    .sort();
  assert.deepEqual(await listIds(store, filter), expected, JSON.stringify(filter));
  assert.equal(await store.count(filter), expected.length, JSON.stringify(filter));
}

function versionOf(row: DekRow): string | undefined {
  return row.state === 'shredded' ? undefined : row.mekVersion;
}

async function listIds(store: DekStore, filter: DekRowFilter): Promise<readonly string[]> {
  const { items } = await readAllPages({ pageSize: 2 }, (continuation) =>
    store.list(filter, { pageSize: 2, continuation }),
  );
  return items.map(({ value }) => (value as DekRow).id).sort();
}
