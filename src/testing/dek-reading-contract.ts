/** Cases about reading rows by id and by scope: S1 to S6. @module */
import { readLeaseItem, readRotationItem, type StoredItem } from '../store/dek-store.js';
import assert from 'node:assert/strict';
import type { DekRow } from '../format/dek-row.js';
import { leaseScopeId } from '../format/lease.js';
import { assertRejectsWith, assertSameItem, assertSameStored } from './contract-assertions.js';
import type { SubjectCase, DekStoreSubject } from './contract-case.js';
import {
  sampleLease,
  sampleRecord,
  sampleRow,
  sampleRows,
  sampleTombstone,
} from './sample-items.js';

const MANY_IDS = 1_200;
const MANY_GENERATIONS = 130;

export const DEK_READING_CASES: readonly SubjectCase<DekStoreSubject>[] = [
  {
    rule: 'S1',
    name: 'create refuses the id of a tombstone',
    async check({ store }) {
      await store.create(sampleTombstone());
      await assertRejectsWith('ALREADY_EXISTS', store.create(sampleRow()));
      assertSameItem((await store.get(sampleRow().id))?.value, sampleTombstone());
    },
  },
  {
    rule: 'S1',
    name: 'rows with different ids do not affect one another',
    async check({ store }) {
      const rows = sampleRows(20);
      const generations = [2, 1, 10].map((generation) => sampleRow({ generation }));
      await Promise.all(rows.map((row) => store.create(row)));
      for (const row of generations) await store.create(row);
      for (const row of [...rows, ...generations])
        assertSameItem((await store.get(row.id))?.value, row);
    },
  },
  {
    rule: 'S2',
    name: 'get returns undefined for another generation of an existing scope',
    async check({ store }) {
      await store.create(sampleRow({ generation: 1 }));
      await store.create(sampleRow({ generation: 11 }));
      assert.equal(await store.get(sampleRow({ generation: 2 }).id), undefined);
      assert.equal(await store.get(sampleRow({ generation: 111 }).id), undefined);
    },
  },
  {
    rule: 'S2',
    name: 'a failed read rejects, and never counts as "absent"',
    async check({ store, breakReads }) {
      const { id, scopeId, product } = sampleRow();
      await store.create(sampleRow());
      await breakReads();
      const reads = {
        get: store.get(id),
        'get of an absent row': store.get(sampleRow({ generation: 2 }).id),
        getMany: store.getMany([id]),
        listScope: store.listScope(scopeId),
        list: store.list({ product }),
        count: store.count({ product }),
        getItem: readRotationItem(store, product),
        'getItem of another item': readLeaseItem(store, product, 'notes'),
        listItems: store.listItems(leaseScopeId(product)),
      };
      const outcomes = await Promise.allSettled(Object.values(reads));
      const answered = Object.keys(reads).filter((_, at) => outcomes[at]?.status === 'fulfilled');
      assert.deepEqual(answered, [], 'these reads resolved although they had failed');
    },
  },
  {
    rule: 'S3',
    name: 'getMany returns the rows that exist and leaves out the others',
    async check({ store }) {
      const rows = sampleRows(5);
      const created = await Promise.all(rows.map((row) => store.create(row)));
      const ids = rows.map(({ id }) => id);
      const found = await store.getMany([sampleRow().id, ...ids, sampleRow({ generation: 2 }).id]);
      assert.deepEqual([...found.keys()].sort(), [...ids].sort());
      rows.forEach((row, at) => {
        assertSameItem(found.get(row.id)?.value, row);
        assert.equal(found.get(row.id)?.etag, created[at]?.etag);
      });
    },
  },
  {
    rule: 'S3',
    name: 'getMany accepts no id, one id twice, and more ids than fit in one request',
    async check({ store }) {
      const row = sampleRow();
      await store.create(row);
      assert.equal((await store.getMany([])).size, 0);
      assert.deepEqual([...(await store.getMany([row.id, row.id])).keys()], [row.id]);
      const last = sampleRow({ generation: MANY_IDS });
      await store.create(last);
      const ids = Array.from(
        { length: MANY_IDS },
        (_, index) => sampleRow({ generation: index + 1 }).id,
      );
      const found = await store.getMany(ids);
      assert.deepEqual([...found.keys()].sort(), [row.id, last.id].sort());
    },
  },
  {
    rule: 'S4',
    name: 'listScope returns every row of the scope in any state, and none of another',
    async check({ store }) {
      const rows: DekRow[] = [
        sampleTombstone({ generation: 1 }),
        { ...sampleRow({ generation: 2 }), state: 'retired', retiredAt: sampleRow().createdAt },
        sampleRow({ generation: 10 }),
      ];
      const others = [sampleRow({ document: 'n2' }), sampleRow({ product: 'other' })];
      const created = await Promise.all([...rows, ...others].map((row) => store.create(row)));
      const listed = await store.listScope(sampleRow().scopeId);
      assert.deepEqual(idsOf(listed), rows.map(({ id }) => id).sort());
      for (const row of rows) assertSameItem(itemOf(listed, row.id).value, row);
      const etags = created.slice(0, rows.length).map(({ etag }) => etag);
      assert.deepEqual(listed.map(({ etag }) => etag).sort(), etags.sort());
    },
  },
  {
    rule: 'S4',
    name: 'listScope returns an empty list for a scope without rows',
    async check({ store }) {
      await store.create(sampleRow({ document: 'n2' }));
      await store.createItem(sampleRecord());
      await store.createItem(sampleLease());
      assert.deepEqual(await store.listScope(sampleRow().scopeId), []);
    },
  },
  {
    rule: 'S4',
    name: 'listScope returns more rows than a page holds',
    async check({ store }) {
      const rows = Array.from({ length: MANY_GENERATIONS }, (_, index) =>
        sampleRow({ generation: index + 1 }),
      );
      for (const row of rows) await store.create(row);
      const listed = await store.listScope(sampleRow().scopeId);
      assert.deepEqual(idsOf(listed), rows.map(({ id }) => id).sort());
    },
  },
  {
    rule: 'S5',
    name: 'replace changes no other row, and accepts no etag of another',
    async check({ store }) {
      const [one, other] = [sampleRow({ generation: 1 }), sampleRow({ generation: 2 })];
      const created = await store.create(one);
      const untouched = await store.create(other);
      await store.replace({ ...one, epoch: 2 }, created.etag);
      assertSameStored(await store.get(other.id), untouched);
      await assertRejectsWith('ETAG_MISMATCH', store.replace({ ...one, epoch: 3 }, untouched.etag));
    },
  },
  {
    rule: 'S5',
    name: 'replace turns a row into a tombstone, and nothing else of the row remains',
    async check({ store }) {
      const { etag } = await store.create(sampleRow());
      await store.replace(sampleTombstone(), etag);
      assertSameItem((await store.get(sampleRow().id))?.value, sampleTombstone());
    },
  },
  {
    rule: 'S6',
    name: 'get, getMany, listScope and list return the same etag',
    async check({ store }) {
      const { id, scopeId, product } = sampleRow();
      const created = await store.create(sampleRow());
      const { etag } = await store.replace(sampleRow(), created.etag);
      const page = await store.list({ product });
      const read = [
        await store.get(id),
        (await store.getMany([id])).get(id),
        ...(await store.listScope(scopeId)),
        ...page.items,
      ];
      assert.deepEqual(
        read.map((item) => item?.etag),
        [etag, etag, etag, etag],
      );
    },
  },
];

function idsOf(items: readonly StoredItem[]): readonly string[] {
  return items.map(({ value }) => (value as DekRow).id).sort();
}

function itemOf(items: readonly StoredItem[], id: string): StoredItem {
  const item = items.find(({ value }) => (value as DekRow).id === id);
  assert.ok(item, `the row ${id} is missing`);
  return item;
}
