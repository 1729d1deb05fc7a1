/** Cases about listing and counting documents: D6 and D7. @module */
import assert from 'node:assert/strict';
import type { DocumentStore } from '../store/document-store.js';
import { assertSameItem, readAllPages, type WholeListing } from './contract-assertions.js';
import type { SubjectCase, DocumentStoreSubject } from './contract-case.js';
import { sampleDocument, sampleDocuments, type SampleDocument } from './sample-items.js';

const DEFAULT_PAGE_SIZE = 100;

export const DOCUMENT_LISTING_CASES: readonly SubjectCase<DocumentStoreSubject>[] = [
  {
    rule: 'D6',
    name: 'list returns each document once, unchanged, in pages of any size',
    async check({ store }) {
      const documents = await createDocuments(store, 13);
      for (const pageSize of [1, 2, 5, 13, 14, 1_000]) {
        const { items } = await listIds(store, pageSize);
        assert.deepEqual([...items].sort(), idsOf(documents), `pages of ${String(pageSize)}`);
      }
      for (const { document } of (await store.list()).items) {
        const written = documents.find(({ id }) => id === document['id']);
        assertSameItem(document, written as SampleDocument);
      }
    },
  },
  {
    rule: 'D6',
    name: 'list returns at most 100 documents in a page by default, and all in the end',
    async check({ store }) {
      const documents = await createDocuments(store, DEFAULT_PAGE_SIZE + 1);
      const { items } = await readAllPages({ pageSize: DEFAULT_PAGE_SIZE }, (continuation) =>
        store.list({ continuation }),
      );
      assert.deepEqual(idsOf(items.map(({ document }) => document)), idsOf(documents));
    },
  },
  {
    rule: 'D6',
    name: 'list of an empty store ends at once',
    async check({ store }) {
      assert.deepEqual((await listIds(store, 10)).items, []);
    },
  },
  {
    rule: 'D6',
    name: 'documents that are written or deleted during a listing neither hide nor repeat others',
    async check({ store }) {
      const documents = await createDocuments(store, 12);
      const leaving = sampleDocument({ workspaceId: 'w0', id: 'leaving' });
      const { etag } = await store.create(leaving);
      let isFirst = true;
      const { items } = await readAllPages({ pageSize: 3 }, async (continuation) => {
        const page = await store.list({ pageSize: 3, continuation });
        if (isFirst) {
          await createDocuments(store, 15, 'm');
          await createDocuments(store, 15, 'o');
          await store.delete(leaving, etag);
        }
        isFirst = false;
        return page;
      });
      const early = new Set(idsOf(documents));
      const ids = items.map(({ document }) => String(document['id']));
      assert.deepEqual(ids.filter((id) => early.has(id)).sort(), idsOf(documents));
    },
  },
  {
    rule: 'D6',
    name: 'documents that are replaced during a listing are returned once',
    async check({ store }) {
      const documents = await createDocuments(store, 12);
      const { items } = await readAllPages({ pageSize: 3 }, async (continuation) => {
        const page = await store.list({ pageSize: 3, continuation });
        for (const { document, etag } of page.items) {
          await store.replace({ ...document, body: 'replaced' }, etag);
        }
        return page;
      });
      assert.deepEqual(idsOf(items.map(({ document }) => document)), idsOf(documents));
    },
  },
  {
    rule: 'D6',
    name: 'each continuation resumes after its page, repeatedly',
    async check({ store }) {
      await createDocuments(store, 9);
      const whole = await listIds(store, 2);
      for (const from of [...whole.continuations, ...whole.continuations].reverse()) {
        const done = 2 * (whole.continuations.indexOf(from) + 1);
        assert.deepEqual((await listIds(store, 2, from)).items, whole.items.slice(done));
        assert.deepEqual((await listIds(store, 4, from)).items, whole.items.slice(done));
      }
      assert.ok(
        whole.continuations.length > 0,
        'nine documents in pages of two need a continuation',
      );
    },
  },
  {
    rule: 'D7',
    name: 'count follows each create and delete, and no replace',
    async check({ store }) {
      assert.equal(await store.count(), 0);
      const { etag } = await store.create(sampleDocument());
      await store.create(sampleDocument({ workspaceId: 'w2' }));
      assert.equal(await store.count(), 2);
      const replaced = await store.replace(sampleDocument({ body: 'newer' }), etag);
      assert.equal(await store.count(), 2);
      await store.delete(sampleDocument(), replaced.etag);
      assert.equal(await store.count(), 1);
    },
  },
  {
    rule: 'D7',
    name: 'count counts more documents than a page holds',
    async check({ store }) {
      await createDocuments(store, DEFAULT_PAGE_SIZE + 1);
      assert.equal(await store.count(), DEFAULT_PAGE_SIZE + 1);
    },
  },
];

async function createDocuments(
  store: DocumentStore,
  count: number,
  idPrefix?: string,
): Promise<readonly SampleDocument[]> {
  const documents = sampleDocuments(count, idPrefix);
  for (const document of documents) await store.create(document);
  return documents;
}

async function listIds(
  store: DocumentStore,
  pageSize: number,
  from?: string,
): Promise<WholeListing<string>> {
  const { items, continuations } = await readAllPages(
    { pageSize, continuation: from },
    (continuation) => store.list({ pageSize, continuation }),
  );
  return { items: items.map(({ document }) => String(document['id'])), continuations };
}

function idsOf(documents: readonly Record<string, unknown>[]): readonly string[] {
  return documents.map(({ id }) => String(id)).sort();
}
