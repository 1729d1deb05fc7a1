/** Cases about writing and deleting documents: D1 to D5. @module */
import assert from 'node:assert/strict';
import { assertOneWins, assertRejectsWith, assertSameItem } from './contract-assertions.js';
import type { SubjectCase, DocumentStoreSubject } from './contract-case.js';
import { sampleDocument, sampleDocuments } from './sample-items.js';

const KEY = sampleDocument();
const UNKNOWN_ETAG = 'an-etag-that-was-never-returned';
const CALLERS = 20;

export const DOCUMENT_WRITING_CASES: readonly SubjectCase<DocumentStoreSubject>[] = [
  {
    rule: 'D1',
    name: 'a deleted document can be created again',
    async check({ store }) {
      const { etag } = await store.create(sampleDocument({ body: 'first' }));
      await store.delete(KEY, etag);
      await store.create(sampleDocument({ body: 'second' }));
      assertSameItem((await store.get(KEY))?.document, sampleDocument({ body: 'second' }));
    },
  },
  {
    rule: 'D2',
    name: 'a failed read rejects, and never counts as "absent"',
    async check({ store, breakReads }) {
      await store.create(sampleDocument());
      await breakReads();
      const reads = {
        get: store.get(KEY),
        'get of an absent document': store.get(sampleDocument({ id: 'n2' })),
        list: store.list(),
        count: store.count(),
      };
      const outcomes = await Promise.allSettled(Object.values(reads));
      const answered = Object.keys(reads).filter((_, at) => outcomes[at]?.status === 'fulfilled');
      assert.deepEqual(answered, [], 'these reads resolved although they had failed');
    },
  },
  {
    rule: 'D2',
    name: 'get reads the key from a whole document and ignores its other properties',
    async check({ store }) {
      const document = sampleDocument({ body: 'stored' });
      await store.create(document);
      assertSameItem((await store.get({ workspaceId: 'w1', id: 'n1' }))?.document, document);
      assertSameItem((await store.get(sampleDocument({ body: 'other' })))?.document, document);
    },
  },
  {
    rule: 'D3',
    name: 'replace leaves nothing of the previous content, and changes no other document',
    async check({ store }) {
      const [one, other] = sampleDocuments(2);
      const { etag } = await store.create({ ...one, extra: 'of the first content' });
      const untouched = await store.create({ ...other });
      await store.replace({ ...one }, etag);
      assertSameItem((await store.get({ ...one }))?.document, { ...one });
      assert.equal((await store.get({ ...other }))?.etag, untouched.etag);
      await assertRejectsWith('ETAG_MISMATCH', store.replace({ ...one }, untouched.etag));
    },
  },
  {
    rule: 'D3',
    name: 'replace does not bring back a deleted document',
    async check({ store }) {
      const { etag } = await store.create(sampleDocument());
      await store.delete(KEY, etag);
      await assertRejectsWith('ETAG_MISMATCH', store.replace(sampleDocument(), etag));
      assert.equal(await store.get(KEY), undefined);
    },
  },
  {
    rule: 'D4',
    name: 'delete removes the document under its newest etag, and no other',
    async check({ store }) {
      const [one, other] = sampleDocuments(2);
      const { etag } = await store.create({ ...one });
      await store.create({ ...other });
      await store.delete({ ...one }, etag);
      assert.equal(await store.get({ ...one }), undefined);
      assertSameItem((await store.get({ ...other }))?.document, { ...other });
    },
  },
  {
    rule: 'D4',
    name: 'delete is refused under any other etag, and removes nothing',
    async check({ store }) {
      const first = await store.create(sampleDocument());
      const second = await store.replace(sampleDocument({ body: 'newer' }), first.etag);
      for (const etag of [first.etag, UNKNOWN_ETAG, '', '*']) {
        await assertRejectsWith('ETAG_MISMATCH', store.delete(KEY, etag));
      }
      const stored = await store.get(KEY);
      assertSameItem(stored?.document, sampleDocument({ body: 'newer' }));
      assert.equal(stored?.etag, second.etag);
    },
  },
  {
    rule: 'D4',
    name: 'delete of an absent document is refused',
    async check({ store }) {
      await assertRejectsWith('ETAG_MISMATCH', store.delete(KEY, UNKNOWN_ETAG));
      const { etag } = await store.create(sampleDocument());
      await store.delete(KEY, etag);
      await assertRejectsWith('ETAG_MISMATCH', store.delete(KEY, etag));
    },
  },
  {
    rule: 'D4',
    name: 'exactly one of 20 concurrent deletes succeeds',
    async check({ store }) {
      const { etag } = await store.create(sampleDocument());
      const deletes = Array.from({ length: CALLERS }, () => store.delete(KEY, etag));
      await assertOneWins(deletes, 'ETAG_MISMATCH');
      assert.equal(await store.get(KEY), undefined);
    },
  },
  {
    rule: 'D5',
    name: 'deleting and creating again reuses no etag',
    async check({ store }) {
      const etags: string[] = [];
      for (let round = 0; round < 5; round += 1) {
        const { etag } = await store.create(sampleDocument());
        for (const old of etags) {
          await assertRejectsWith('ETAG_MISMATCH', store.replace(sampleDocument(), old));
          await assertRejectsWith('ETAG_MISMATCH', store.delete(KEY, old));
        }
        const replaced = await store.replace(sampleDocument(), etag);
        etags.push(etag, replaced.etag);
        await store.delete(KEY, replaced.etag);
      }
      assert.equal(new Set(etags).size, etags.length);
    },
  },
  {
    rule: 'D5',
    name: 'get and list return the same etag',
    async check({ store }) {
      const created = await store.create(sampleDocument());
      const { etag } = await store.replace(sampleDocument(), created.etag);
      assert.equal((await store.get(KEY))?.etag, etag);
      assert.equal((await store.list()).items[0]?.etag, etag);
    },
  },
];
