/** Cases about how far reads may lag, for stores that say so: S13, and S12. @module */
import assert from 'node:assert/strict';
import { isReadLag } from '../store/checked-dek-store.js';
import { assertHonoursAbort } from './contract-assertions.js';
import type { SubjectCase } from './contract-case.js';
import type { DekStoreSubject } from './dek-store-subject.js';

export const DEK_LAG_CASES: readonly SubjectCase<DekStoreSubject>[] = [
  {
    rule: 'S13',
    name: 'readLagMs, where there is one, gives milliseconds from 0 to 3 600 000',
    async check({ store }) {
      if (store.readLagMs === undefined) return;
      const lagMs: unknown = await store.readLagMs();
      assert.ok(isReadLag(lagMs), 'expected a number from 0 to 3 600 000');
    },
  },
  {
    rule: 'S13',
    name: 'readLagMs that cannot be found out rejects, or says what it said before',
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
    name: 'readLagMs, where there is one, rejects with the reason of a signal that has aborted',
    async check({ store }) {
      if (store.readLagMs === undefined) return;
      await assertHonoursAbort(async (signal) => store.readLagMs?.({ signal }));
    },
  },
];
