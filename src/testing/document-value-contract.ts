/** Cases about the content of documents, separate keys, and aborts: D8 to D10. @module */
import assert from 'node:assert/strict';
import type { DocumentStore } from '../store/document-store.js';
import { assertHonoursAbort, assertSameItem } from './contract-assertions.js';
import type { SubjectCase, DocumentStoreSubject } from './contract-case.js';
import { ODD_TEXTS, sampleDocument, type SampleDocument } from './sample-items.js';

const LONG_TEXT = 100_000;
const NESTED_LEVELS = 50;

type StoreCall = readonly [
  name: string,
  call: (store: DocumentStoreSubject['store'], signal: AbortSignal) => Promise<unknown>,
];

const READS: readonly StoreCall[] = [
  ['get', (store, signal) => store.get(sampleDocument(), { signal })],
  ['list', (store, signal) => store.list({ signal })],
  ['count', (store, signal) => store.count({ signal })],
];

const VALUES: Readonly<Record<string, unknown>> = {
  'the empty values': { text: '', list: [], object: {}, nothing: null, no: false, zero: 0 },
  'numbers of any size': [1.5, -1, 1e308, 5e-324, Number.MAX_SAFE_INTEGER, 0.1 + 0.2],
  'texts of any kind': ODD_TEXTS,
  'a long text': 'x'.repeat(LONG_TEXT),
  'properties of any name': Object.fromEntries(ODD_TEXTS.map((text) => [text, text])),
  'a property named __proto__': JSON.parse('{"__proto__":{"polluted":true},"a":1}') as unknown,
  'deep nesting': nested(NESTED_LEVELS),
  'texts that look like other things': ['1', '2026-01-01T00:00:00.000Z', '{"a":1}', 'true', '1e3'],
};

/** Each pair has two different keys, which a careless separator would make one. */
const KEYS_APART: readonly (readonly [readonly string[], readonly string[]])[] = [
  [
    ['a', 'bc'],
    ['ab', 'c'],
  ],
  [
    ['a', 'b'],
    ['b', 'a'],
  ],
  ...['/', '|', ':', ',', '","', '\u0000', '\\', '.', '-', '_', ' '].map(
    (joint) =>
      [
        [`a${joint}b`, 'c'],
        ['a', `b${joint}c`],
      ] as const,
  ),
  ...ODD_TEXTS.map(
    (text) =>
      [
        [text, 'x'],
        ['x', text],
      ] as const,
  ),
];

export const DOCUMENT_VALUE_CASES: readonly SubjectCase<DocumentStoreSubject>[] = [
  ...Object.entries(VALUES).map(([name, value]) => ({
    rule: 'D8',
    name: `returns unchanged: ${name}`,
    async check({ store }: DocumentStoreSubject) {
      const document = sampleDocument({ value });
      assertSameItem((await store.create(document)).document, document);
      assertSameItem((await store.get(document))?.document, document);
      assertSameItem((await store.list()).items[0]?.document, document);
    },
  })),
  {
    rule: 'D8',
    name: 'a document keeps properties that look like those of the store',
    async check({ store }) {
      const document = sampleDocument({ etag: 'mine', document: 'mine', key: 1, type: 'lease' });
      await store.create(document);
      assertSameItem((await store.get(document))?.document, document);
    },
  },
  {
    rule: 'D8',
    name: 'a document keeps an own property named __proto__',
    async check({ store }) {
      const named = JSON.parse('{"__proto__":{"polluted":true}}') as Record<string, unknown>;
      const document = sampleDocument(named);
      await store.create(document);
      assertSameItem((await store.get(sampleDocument()))?.document, document);
    },
  },
  {
    rule: 'D8',
    name: 'later changes to a document by a caller do not change what is stored',
    async check({ store }) {
      const tags = ['one'];
      const created = await store.create(sampleDocument({ tags }));
      tags.push('changed by the caller');
      (created.document['tags'] as string[]).push('changed too');
      const stored = await store.get(sampleDocument());
      assertSameItem(stored?.document, sampleDocument({ tags: ['one'] }));
    },
  },
  {
    rule: 'D9',
    name: 'documents whose keys differ in any property are separate, however the parts are split',
    async check({ store }) {
      const keys = new Map(KEYS_APART.flat().map((key) => [JSON.stringify(key), key]));
      const documents = [...keys.values()].map(([workspaceId, id], at) =>
        sampleDocument({ workspaceId, id, body: at }),
      );
      const held: SampleDocument[] = [];
      for (const document of documents) {
        if (await isHeld(store, document)) held.push(document);
      }
      for (const document of documents) {
        const found = await readIfHeld(store, document);
        if (held.includes(document)) assertSameItem(found, document);
        else assert.equal(found, undefined, 'a refused key returns a document');
      }
      assert.equal(await store.count(), held.length);
    },
  },
  {
    rule: 'D9',
    name: 'a write or delete of one document does not affect others with a similar key',
    async check({ store }) {
      const [one, other] = [
        sampleDocument({ workspaceId: 'a', id: 'bc' }),
        sampleDocument({ workspaceId: 'ab', id: 'c' }),
      ];
      const { etag } = await store.create(one);
      await store.create(other);
      const replaced = await store.replace({ ...one, body: 'newer' }, etag);
      assertSameItem((await store.get(other))?.document, other);
      await store.delete(one, replaced.etag);
      assertSameItem((await store.get(other))?.document, other);
    },
  },
  ...READS.map(([name, call]) => ({
    rule: 'D10',
    name: `${name} rejects with the reason of an aborted signal`,
    check: ({ store }: DocumentStoreSubject) => assertHonoursAbort((signal) => call(store, signal)),
  })),
  {
    rule: 'D10',
    name: 'nothing is written or deleted once the signal has aborted',
    async check({ store }) {
      await assertHonoursAbort((signal) => store.create(sampleDocument(), { signal }));
      assert.equal(await store.get(sampleDocument()), undefined);
      const { etag } = await store.create(sampleDocument());
      await assertHonoursAbort((signal) =>
        store.replace(sampleDocument({ body: 'newer' }), etag, { signal }),
      );
      await assertHonoursAbort((signal) => store.delete(sampleDocument(), etag, { signal }));
      const stored = await store.get(sampleDocument());
      assertSameItem(stored?.document, sampleDocument());
      assert.equal(stored?.etag, etag);
    },
  },
];

/** Creates the document. A store may refuse key parts that its database cannot hold, but no plain ones. */
async function isHeld(store: DocumentStore, document: SampleDocument): Promise<boolean> {
  try {
    await store.create(document);
    return true;
  } catch (error) {
    const { workspaceId, id } = document;
    if (!(error instanceof RangeError)) throw error;
    assert.ok(![workspaceId, id].every(isPlainPart), 'a plain key was refused');
    return false;
  }
}

async function readIfHeld(
  store: DocumentStore,
  { workspaceId, id }: SampleDocument,
): Promise<unknown> {
  try {
    return (await store.get({ workspaceId, id }))?.document;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function isPlainPart(part: string): boolean {
  return /^[\w-]+$/.test(part);
}

function nested(levels: number): unknown {
  let value: unknown = 'inmost';
  for (let level = 0; level < levels; level += 1) value = level % 2 ? [value] : { value };
  return value;
}
