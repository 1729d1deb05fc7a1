/** Cases about rotation records and leases: S9. @module */
import assert from 'node:assert/strict';
import type { Lease } from '../rotation/lease.js';
import type { RotationRecord } from '../rotation/rotation-record.js';
import { cellCases, type Cell } from './cell-contract.js';
import { assertSameItem, assertSameStored } from './contract-assertions.js';
import type { SubjectCase } from './contract-case.js';
import type { DekStoreSubject } from './dek-store-subject.js';
import { ODD_TEXTS } from './odd-texts.js';
import { sampleLease, sampleRecord, sampleRow } from './sample-items.js';

const RULES = { create: 'S9', read: 'S9', replace: 'S9', etag: 'S9' };

export const DEK_RECORD_CASES: readonly SubjectCase<DekStoreSubject>[] = [
  ...cellCases('a rotation record', RULES, recordCell),
  ...cellCases('a lease', RULES, leaseCell),
  {
    rule: 'S9',
    name: 'each product has a rotation record of its own',
    async check({ store }) {
      for (const product of ODD_TEXTS) await store.createRotation(sampleRecord(product));
      for (const product of ODD_TEXTS) {
        assertSameItem((await store.getRotation(product))?.value, sampleRecord(product));
      }
      assert.equal(await store.getRotation('another'), undefined);
    },
  },
  {
    rule: 'S9',
    name: 'each collection of each product has a lease of its own',
    async check({ store }) {
      const places = ODD_TEXTS.flatMap((text): (readonly [string, string])[] => [
        [text, 'notes'],
        ['sample', text],
      ]);
      for (const place of places) await store.createLease(sampleLease(...place));
      for (const place of places) {
        assertSameItem((await store.getLease(...place))?.value, sampleLease(...place));
      }
      assert.equal(await store.getLease('another', 'notes'), undefined);
      assert.equal(await store.getLease('sample', 'another'), undefined);
    },
  },
  {
    rule: 'S9',
    name: 'rows, rotation records and leases do not get in the way of one another',
    async check({ store }) {
      const { product } = sampleRow();
      const [row, record, lease] = [
        await store.create(sampleRow()),
        await store.createRotation(sampleRecord(product)),
        await store.createLease(sampleLease(product, 'rotation')),
      ];
      await store.replaceRotation(sampleRecord(product, 2), record.etag);
      await store.replaceLease(sampleLease(product, 'rotation', 'worker-2'), lease.etag);
      assertSameStored(await store.get(sampleRow().id), row);
      assertSameItem((await store.getRotation(product))?.value, sampleRecord(product, 2));
      const newest = await store.getLease(product, 'rotation');
      assertSameItem(newest?.value, sampleLease(product, 'rotation', 'worker-2'));
    },
  },
];

function recordCell({ store }: DekStoreSubject): Cell<RotationRecord> {
  return {
    item: (content) => sampleRecord('sample', content + 1),
    create: (record) => store.createRotation(record),
    read: () => store.getRotation('sample'),
    replace: (record, etag) => store.replaceRotation(record, etag),
  };
}

function leaseCell({ store }: DekStoreSubject): Cell<Lease> {
  return {
    item: (content) => sampleLease('sample', 'notes', `worker-${String(content)}`),
    create: (lease) => store.createLease(lease),
    read: () => store.getLease('sample', 'notes'),
    replace: (lease, etag) => store.replaceLease(lease, etag),
  };
}
