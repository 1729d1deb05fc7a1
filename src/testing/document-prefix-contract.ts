/** Cases about listing documents by the first parts of their key: D11. @module */
import assert from 'node:assert/strict';
import type { DocumentStore, ListDocumentsOptions } from '../store/document-store.js';
import { readAllPages, type WholeListing } from './contract-assertions.js';
import type { DocumentStoreSubject, SubjectCase } from './contract-case.js';
import { sampleDocument } from './sample-items.js';

type Prefix = NonNullable<ListDocumentsOptions['prefix']>;

/** None is equal to another, and each has text in common with the first one. */
const WORKSPACES: readonly string[] = ['w1', 'w', 'w10', 'W1', 'w1 ', 'w1"', 'w1",', 'w1","n', 'é'];
const IDS: readonly string[] = ['n-0', 'n-1', 'n-2', 'n-3', 'n-4'];

export const DOCUMENT_PREFIX_CASES: readonly SubjectCase<DocumentStoreSubject>[] = [
  {
    rule: 'D11',
    name: 'list with a prefix returns the documents of the prefix alone, in pages of any size',
    async check({ store }) {
      await createDocuments(store);
      for (const workspaceId of WORKSPACES) {
        for (const pageSize of [1, 2, 5, 1_000]) {
          const { items } = await listKeys(store, { prefix: { workspaceId }, pageSize });
          assert.deepEqual([...items].sort(), keysIn(workspaceId));
        }
      }
      const { items } = await listKeys(store, { prefix: { workspaceId: 'none' }, pageSize: 2 });
      assert.deepEqual(items, []);
    },
  },
  {
    rule: 'D11',
    name: 'list with a whole key returns that document alone',
    async check({ store }) {
      await createDocuments(store);
      for (const id of ['n-1', 'n', 'n-10']) {
        const prefix = { workspaceId: 'w1', id };
        const { items } = await listKeys(store, { prefix, pageSize: 2 });
        assert.deepEqual(items, IDS.includes(id) ? [keyText('w1', id)] : []);
      }
    },
  },
  {
    rule: 'D11',
    name: 'each continuation resumes a listing with the same prefix, repeatedly',
    async check({ store }) {
      await createDocuments(store);
      const own = { prefix: { workspaceId: 'w1' }, pageSize: 2 };
      const whole = await listKeys(store, own);
      assert.ok(whole.continuations.length > 1, 'five documents in pages of two need two of them');
      for (const continuation of [...whole.continuations, ...whole.continuations].reverse()) {
        const done = 2 * (whole.continuations.indexOf(continuation) + 1);
        const { items } = await listKeys(store, { ...own, continuation });
        assert.deepEqual(items, whole.items.slice(done));
      }
    },
  },
  {
    rule: 'D11',
    name: 'list refuses the continuation of a listing with another prefix, or without one',
    async check({ store }) {
      await createDocuments(store);
      const prefixes: (Prefix | undefined)[] = [
        undefined,
        { workspaceId: 'w1' },
        { workspaceId: 'w10' },
        { workspaceId: 'w1', id: 'n-1' },
      ];
      for (const [from, prefix] of prefixes.slice(0, 3).entries()) {
        const { continuation } = await store.list({ ...(prefix && { prefix }), pageSize: 1 });
        assert.ok(continuation, 'more documents need a continuation');
        for (const other of prefixes.filter((_, at) => at !== from)) {
          await assertRefuses(store, { ...(other && { prefix: other }), continuation });
        }
      }
    },
  },
  {
    rule: 'D11',
    name: 'list refuses a prefix that does not have the first key parts',
    async check({ store }) {
      await createDocuments(store);
      const prefixes: object[] = [
        {},
        { id: 'n-1' },
        { workspaceID: 'w1' },
        { workspaceId: 'w1', body: 'text' },
        { workspaceId: undefined },
        { workspaceId: '' },
        { workspaceId: 1 },
        { workspaceId: 'w1', id: undefined },
        Object.create({ workspaceId: 'w1' }) as object,
      ];
      for (const prefix of prefixes) await assertRefuses(store, { prefix: prefix as Prefix });
    },
  },
];

async function createDocuments(store: DocumentStore): Promise<void> {
  for (const workspaceId of WORKSPACES) {
    for (const id of IDS) await store.create(sampleDocument({ workspaceId, id }));
  }
}

function keyText(workspaceId: unknown, id: unknown): string {
  return JSON.stringify([workspaceId, id]);
}

function keysIn(workspaceId: string): readonly string[] {
  return IDS.map((id) => keyText(workspaceId, id));
}

async function listKeys(
  store: DocumentStore,
  { continuation: from, ...options }: ListDocumentsOptions & { readonly pageSize: number },
): Promise<WholeListing<string>> {
  const { pageSize } = options;
  const { items, continuations } = await readAllPages(
    { pageSize, continuation: from },
    (continuation) => store.list({ ...options, continuation }),
  );
  const keys = items.map(({ document: { workspaceId, id } }) => keyText(workspaceId, id));
  return { items: keys, continuations };
}

async function assertRefuses(store: DocumentStore, options: ListDocumentsOptions): Promise<void> {
  try {
    await store.list(options);
  } catch (error) {
    assert.ok(
      error instanceof RangeError || error instanceof TypeError,
      'list rejects with an error of another class',
    );
    return;
  }
  assert.fail('list accepts it');
}
