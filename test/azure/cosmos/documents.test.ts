import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CosmosDocumentStore } from '../../../src/azure/cosmos/index.js';
import { readAllPages } from '../../../src/testing/contract-assertions.js';
import { CosmosServer, type CosmosFault } from '../../support/azure/cosmos-server.js';
import { documentBench, type Bench } from '../../support/azure/cosmos/cosmos-bench.js';
import { failure } from '../../support/failure.js';

const server = await CosmosServer.start();
afterAll(() => server.stop());

interface Note {
  readonly workspaceId: string;
  readonly id: string;
  readonly kind?: string;
  readonly body: string;
}

const KEY = { workspaceId: 'w1', id: 'n1' };
const NOTE: Note = { ...KEY, body: 'first' };
const NEWER: Note = { ...KEY, body: 'second' };

let bench: Bench<CosmosDocumentStore<Note>>;
let store: CosmosDocumentStore<Note>;

beforeEach(async () => {
  bench = await documentBench<Note>(server);
  ({ store } = bench);
});

afterEach(() => {
  server.clearScript();
});

const MISMATCH = {
  name: 'StoreError',
  code: 'ETAG_MISMATCH',
  message: 'The document was changed or removed by another writer',
};

async function createNote(): Promise<string> {
  const { etag } = await store.create(NOTE);
  server.clearRequests();
  return etag;
}

describe('a document', () => {
  it('comes back without what Cosmos DB adds, and with whatever else begins with _', async () => {
    const note = { ...NOTE, _draft: true, _tsx: 1 };
    const created = await store.create(note);
    expect(created.document).toEqual(note);
    expect((await store.get(KEY))?.document).toEqual(note);
    expect((await store.list()).items).toEqual([{ document: note, etag: created.etag }]);
    const replaced = await store.replace({ ...note, body: 'second' }, created.etag);
    expect(replaced.document).toEqual({ ...note, body: 'second' });
  });

  it('is written without the properties of Cosmos DB that it was read with', async () => {
    const etag = await createNote();
    const { resource } = await bench.other.item(KEY.id, KEY.workspaceId).read<Note>();
    const replaced = await store.replace({ ...(resource as Note), body: 'second' }, etag);
    expect(replaced.document).toEqual(NEWER);
  });

  it('is refused where it lacks a key property, and no value is named', async () => {
    await expect(store.create({ workspaceId: 'w1', body: 'x' } as never)).rejects.toThrow(
      new TypeError('"id" expected a non-empty string, got undefined'),
    );
    await expect(store.get({ workspaceId: 5, id: 'n1' })).rejects.toThrow(
      new TypeError('"workspaceId" expected a non-empty string, got a number'),
    );
    expect(server.requests).toEqual([]);
  });
});

describe('a delete', () => {
  const LOST: readonly (readonly [string, CosmosFault])[] = [
    ['the connection is reset', { resetAfter: true }],
    ['the answer is 408', { applied: true, status: 408 }],
    ['the answer is 449', { applied: true, status: 449 }],
    ['the answer is 503', { applied: true, status: 503 }],
  ];

  it.each(LOST)('that was done although %s is found to be done', async (_name, fault) => {
    const etag = await createNote();
    server.script({ on: 'delete', ...fault });
    await store.delete(KEY, etag);
    expect(server.requests.map(({ kind }) => kind)).toEqual(['delete', 'read']);
    expect(await store.get(KEY)).toBeUndefined();
  });

  it.each([
    ['the connection is reset', { resetBefore: true }],
    ['the answer is 503', { status: 503 }],
  ])('that was not done because %s is sent again', async (_name, fault) => {
    const etag = await createNote();
    server.script({ on: 'delete', ...fault });
    await store.delete(KEY, etag);
    expect(server.count('delete')).toBe(2);
    expect(await store.get(KEY)).toBeUndefined();
  });

  it('that may have been done counts as lost where the document is another by now', async () => {
    const etag = await createNote();
    const meanwhile = () => bench.other.item(KEY.id, KEY.workspaceId).replace({ ...NEWER });
    server.script({ on: 'delete', resetBefore: true, meanwhile });
    expect(await failure(store.delete(KEY, etag))).toEqual(MISMATCH);
    expect((await store.get(KEY))?.document).toEqual(NEWER);
  });

  it('that may have been done, and cannot be checked, is neither claimed nor denied', async () => {
    const etag = await createNote();
    server.script({ on: 'delete', resetAfter: true }, { on: 'read', status: 403 });
    expect(await failure(store.delete(KEY, etag))).toEqual({
      name: 'StoreError',
      code: 'STORE_UNAVAILABLE',
      message: `Cosmos DB did not confirm a write to the container "${bench.container.id}" in the database "tests": The document may or may not have been written; try again`,
    });
  });

  it.each(['', '*'])('with the etag %j removes nothing and is not sent', async (none) => {
    await createNote();
    expect(await failure(store.delete(KEY, none))).toEqual(MISMATCH);
    expect(server.requests).toEqual([]);
  });
});

describe('a replace whose answer is lost', () => {
  it('is found by its content, whatever the order of its properties', async () => {
    const etag = await createNote();
    const odd = { ...NOTE, list: [1.5, null, { b: 1, a: [] }], body: 'e\u0301\u0000' };
    server.script({ on: 'replace', resetAfter: true });
    const { etag: newEtag } = await store.replace(odd, etag);
    expect(server.count('replace')).toBe(1);
    expect(await store.get(KEY)).toEqual({ document: odd, etag: newEtag });
  });
});

describe('a store that holds one kind of documents', () => {
  it('lists and counts those alone, page by page', async () => {
    const where = {
      condition: 'c.kind = @kind OR c.kind = @other',
      parameters: { '@kind': 'note', '@other': 'memo' },
    };
    const kinds = await documentBench<Note>(server, { where });
    for (const [at, kind] of ['note', 'task', 'memo', 'task', 'note'].entries()) {
      await kinds.store.create({ ...NOTE, id: `n${String(at)}`, kind });
    }
    const { items } = await readAllPages({ pageSize: 2 }, (continuation) =>
      kinds.store.list({ pageSize: 2, continuation }),
    );
    expect(items.map(({ document }) => document.id).sort()).toEqual(['n0', 'n2', 'n4']);
    expect(await kinds.store.count()).toBe(3);
    expect((await kinds.store.get({ ...KEY, id: 'n1' }))?.document.kind).toBe('task');
  });

  it('keeps its condition together', async () => {
    const where = { condition: 'c.kind = "note" OR true' };
    const kinds = await documentBench<Note>(server, { where });
    server.clearRequests();
    await kinds.store.list();
    expect(server.requests.find(({ kind }) => kind === 'query')?.query).toBe(
      'SELECT * FROM c WHERE (c.kind = "note" OR true)',
    );
  });
});

describe('ids', () => {
  it.each([
    ['a/b', 'with one of / \\ ? #'],
    ['a\\b', 'with one of / \\ ? #'],
    ['a?b', 'with one of / \\ ? #'],
    ['a#b', 'with one of / \\ ? #'],
    ['a\u0000b', 'with a control character'],
    ['a\nb', 'with a control character'],
    ['a\u007f', 'with a control character'],
    ['a ', 'that ends with white space'],
    ['\u00a0', 'that ends with white space'],
    ['.', 'of dots alone'],
    ['..', 'of dots alone'],
    ['ä'.repeat(512), 'of more than 1023 bytes'],
  ])('%j are refused by every call before anything is sent', async (id, what) => {
    const refusal = new RangeError(`"id" expected an id that Cosmos DB can hold, got one ${what}`);
    const note = { ...NOTE, id };
    await expect(store.create(note)).rejects.toThrow(refusal);
    await expect(store.get(note)).rejects.toThrow(refusal);
    await expect(store.replace(note, '"e"')).rejects.toThrow(refusal);
    await expect(store.delete(note, '"e"')).rejects.toThrow(refusal);
    expect(server.requests).toEqual([]);
  });

  it.each([
    'a.b',
    '...',
    '%',
    '%2F',
    'a b',
    ' a',
    "it's",
    'ä',
    '\u2028x',
    '\ufeffmark',
    'x'.repeat(1_023),
  ])('%j are taken as they are', async (id) => {
    const { etag } = await store.create({ ...NOTE, id });
    expect((await store.get({ ...KEY, id }))?.document.id).toBe(id);
    const replaced = await store.replace({ ...NEWER, id }, etag);
    await store.delete({ ...KEY, id }, replaced.etag);
    expect(await store.count()).toBe(0);
  });

  it('with a ? or of dots would be taken for something else by the SDK, which is why', async () => {
    await createNote();
    const { other } = bench;
    expect((await other.item('n1?x', 'w1').read<Note>()).resource?.id).toBe('n1');
    expect((await other.item('..', 'w1').read<Note>()).resource?.id).toBe(other.id);
    expect(server.requests.map(({ kind }) => kind)).toEqual(['read', 'container']);
  });
});

describe('partition keys', () => {
  it('are refused where they are longer than Cosmos DB takes', async () => {
    const note = { ...NOTE, workspaceId: 'ä'.repeat(1_025) };
    await expect(store.create(note)).rejects.toThrow(
      new RangeError('"workspaceId" expected at most 2048 bytes, got more'),
    );
    expect(server.requests).toEqual([]);
  });

  it('may be the id itself', async () => {
    const container = await server.container({ partitionKeyPath: '/id' });
    const byId = new CosmosDocumentStore(container, { partitionKey: 'id' });
    const { etag } = await byId.create({ id: 'n1', body: 'x' });
    expect(await byId.get({ id: 'n1' })).toEqual({ document: { id: 'n1', body: 'x' }, etag });
  });

  it('may have several levels, which go into every request', async () => {
    const { database } = bench.other;
    const partitionKey = { paths: ['/tenant', '/user'], version: 2, kind: 'MultiHash' as never };
    const { container } = await database.containers.create({ id: 'levels', partitionKey });
    const byLevels = new CosmosDocumentStore(container, { partitionKey: ['tenant', 'user'] });
    const { etag } = await byLevels.create({ tenant: 't1', user: 'u1', id: 'n1' });
    const item = await byLevels.get({ tenant: 't1', user: 'u1', id: 'n1' });
    expect(item?.etag).toBe(etag);
    const sent = server.requests.filter(({ kind }) => kind === 'create' || kind === 'read');
    expect(sent.map((request) => request.partitionKey)).toEqual(['["t1","u1"]', '["t1","u1"]']);
  });

  it.each([
    [[], new RangeError('"partitionKey" expected the names of at least one property')],
    ['', new TypeError('"partitionKey" expected a non-empty string, got an empty one')],
    [['a', 5], new TypeError('"partitionKey" expected a non-empty string, got a number')],
    ['/workspaceId', new RangeError('"partitionKey" expected names of properties, got a path')],
    ['meta/tenant', new RangeError('"partitionKey" expected names of properties, got a path')],
  ])('are named by properties, so not by %j', (partitionKey, refusal) => {
    const make = () =>
      new CosmosDocumentStore(bench.container, { partitionKey: partitionKey as string });
    expect(make).toThrow(refusal);
  });
});

describe('a container that is missing', () => {
  it('is named, with the partition key that it needs', async () => {
    await bench.other.delete();
    expect(await failure(store.list())).toEqual({
      name: 'StoreError',
      code: 'STORE_FAILED',
      message: `Cosmos DB has no container "${bench.container.id}" in the database "tests": create it, with the partition key /workspaceId`,
    });
  });
});
