import Database from 'libsql';
import { afterAll, describe, expect, it } from 'vitest';
import { backfillDocuments, type DocumentStore } from '../../../src/index.js';
import { SqliteDocumentStore } from '../../../src/sqlite/index.js';
import { MemoryDocumentStore } from '../../../src/testing/index.js';
import { CosmosServer } from '../../support/azure/cosmos-server.js';
import { documentBench } from '../../support/azure/cosmos/cosmos-bench.js';
import {
  decryptAny,
  encryptAny,
  envelopeAt,
  KEY,
  note,
  setup,
  type Loose,
} from '../../support/encryptor.js';
import { failure } from '../../support/failure.js';
import { migrate } from '../../support/migrations.js';

const CUT = 'Great day 😀'.slice(0, 11);
const DOCUMENT: Loose = {
  ...KEY,
  body: CUT,
  title: { [CUT]: [CUT] },
  tags: ['\udc00x', 'whole'],
  meta: { location: { deep: [{ [CUT]: CUT }] }, mood: CUT },
  // Beside the declared fields.
  summary: CUT,
  labels: { [CUT]: ['\udc00'] },
};

const server = await CosmosServer.start();
afterAll(() => server.stop());

const stores: readonly [name: string, make: () => Promise<DocumentStore<Loose>>][] = [
  ['memory', () => Promise.resolve(new MemoryDocumentStore<Loose>({ key: note.key }))],
  [
    'SQLite',
    () => {
      const options = { table: 'notes', key: note.key };
      return Promise.resolve(new SqliteDocumentStore<Loose>(new Database(':memory:'), options));
    },
  ],
  ['Cosmos DB', async () => (await documentBench(server)).store],
];

describe.each(stores)('texts with half a surrogate pair, in %s', (_name, make) => {
  it('come back as they were, sealed and beside what is sealed', async () => {
    const { encryptor } = setup();
    const store = await make();
    await store.create(await encryptAny(encryptor, DOCUMENT));
    const item = await store.get(KEY);
    expect(await decryptAny(encryptor, item?.document)).toStrictEqual(DOCUMENT);
    await encryptor.updateDocument(note, store as never, KEY, (stored) => {
      return { ...stored, title: CUT } as never;
    });
    expect(await decryptAny(encryptor, (await store.get(KEY))?.document)).toStrictEqual({
      ...DOCUMENT,
      title: CUT,
    });
  });

  it('block no backfill', async () => {
    const made = setup();
    const store = await make();
    await store.create(DOCUMENT);
    const { summary } = await migrate(
      backfillDocuments(made.encryptor, note, store, { allowEmpty: true }),
      made.clock,
    );
    expect(summary).toMatchObject({ complete: true, changed: 1, failed: 0 });
    const item = await store.get(KEY);
    expect(await decryptAny(made.encryptor, item?.document)).toStrictEqual(DOCUMENT);
  });
});

describe('a text with half a surrogate pair', () => {
  it('is sealed and opened field by field', async () => {
    const open = await setup().encryptor.openDocument(note, KEY, { createDek: true });
    for (const value of [CUT, [CUT], { [CUT]: CUT }]) {
      expect(open.open('body', open.seal('body', value))).toStrictEqual(value);
    }
  });

  it('is no key part', async () => {
    const made = setup();
    expect(await failure(encryptAny(made.encryptor, { ...KEY, id: CUT, body: 'x' }))).toEqual({
      name: 'TypeError',
      message: '"id" expected well-formed Unicode, got a lone surrogate',
    });
    expect(made.store.calls).toEqual({});
  });

  it('takes no longer form where a text has none', async () => {
    const { encryptor } = setup();
    const [cut, whole] = [CUT, 'Great day!!'];
    const stored = await encryptAny(encryptor, { ...KEY, body: whole, title: cut });
    const bytes = (name: string): number =>
      Buffer.from(envelopeAt(stored, name).ct, 'base64url').length;
    expect(bytes('body')).toBe(28 + 1 + whole.length);
    expect(bytes('title')).toBe(28 + 1 + JSON.stringify(cut).length);
  });
});
