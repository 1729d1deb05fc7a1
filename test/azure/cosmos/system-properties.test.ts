import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { CosmosDocumentStore } from '../../../src/azure/cosmos/index.js';
import { backfillDocuments } from '../../../src/index.js';
import { MemoryDocumentStore } from '../../../src/testing/index.js';
import { SYSTEM_PROPERTIES } from '../../../src/azure/cosmos/item-content.js';
import { CosmosServer } from '../../support/azure/cosmos-server.js';
import { documentBench, type Bench } from '../../support/azure/cosmos/cosmos-bench.js';
import { looseDefinition, setup, type Loose } from '../../support/encryptor.js';
import { failure } from '../../support/failure.js';

const server = await CosmosServer.start();
afterAll(() => server.stop());

const KEY = { workspaceId: 'w1', id: 'n1' };
const NOTE = { ...KEY, body: 'first' };

let bench: Bench<CosmosDocumentStore>;
let store: CosmosDocumentStore;

beforeEach(async () => {
  bench = await documentBench(server);
  ({ store } = bench);
});

function lost(name: string): unknown {
  return {
    name: 'RangeError',
    message: `Cosmos DB reserves the property "${name}", so its value would be lost: rename it, or leave it out where Cosmos DB set it`,
  };
}

/** As the SDK reads it, with all that Cosmos DB added. */
async function read(): Promise<Loose> {
  const { resource } = await bench.other.item(KEY.id, KEY.workspaceId).read<Loose>();
  return resource as Loose;
}

/** As version of now, read and written outside of the store. */
async function etagOfNow(): Promise<string> {
  return (await store.get(KEY))?.etag ?? '';
}

describe.each(SYSTEM_PROPERTIES)('a document with a property %s of its own', (name) => {
  it.each([
    ['text', 'mine'],
    ['number', 7],
    ['null', null],
    ['object', { _enc: 1 }],
  ])('is refused by create, and nothing is sent (%s)', async (_what, value) => {
    expect(await failure(store.create({ ...NOTE, [name]: value }))).toEqual(lost(name));
    expect(server.requests).toEqual([]);
  });

  it('is created where its value is undefined, which JSON leaves out', async () => {
    await store.create({ ...NOTE, [name]: undefined });
    expect((await store.get(KEY))?.document).toEqual(NOTE);
  });

  it('is refused by replace, and nothing is sent', async () => {
    const { etag } = await store.create(NOTE);
    server.clearRequests();
    for (const value of ['mine', 7, { _enc: 1 }]) {
      expect(await failure(store.replace({ ...NOTE, [name]: value }, etag))).toEqual(lost(name));
    }
    expect(server.requests).toEqual([]);
  });

  it('is refused by replace where it is of another kind than Cosmos DB gave', async () => {
    await store.create(NOTE);
    const changed = { ...(await read()), [name]: { mine: true } };
    const { name: error } = await failure(store.replace(changed, await etagOfNow()));
    expect(error).toBe('RangeError');
    expect((await store.get(KEY))?.document).toEqual(NOTE);
  });

  it('may have it deeper down', async () => {
    const note = { ...NOTE, meta: { [name]: 'mine' } };
    await store.create(note);
    expect((await store.get(KEY))?.document).toEqual(note);
  });
});

describe('a document that was read by the SDK', () => {
  it('is replaced without what Cosmos DB added, also over a newer version', async () => {
    await store.create(NOTE);
    const first = await read();
    const { etag } = await store.replace({ ...first, body: 'second' }, await etagOfNow());
    await store.replace({ ...first, body: 'third' }, etag);
    expect((await store.get(KEY))?.document).toEqual({ ...NOTE, body: 'third' });
  });

  it('is replaced also where an account adds _attachments', async () => {
    await store.create(NOTE);
    const changed = { ...(await read()), _attachments: 'attachments/', body: 'second' };
    await store.replace(changed, await etagOfNow());
    expect((await store.get(KEY))?.document).toEqual({ ...NOTE, body: 'second' });
  });

  it('is replaced where it kept nothing of that but its etag', async () => {
    const { etag } = await store.create(NOTE);
    await store.replace({ ...NOTE, body: 'second', _etag: etag }, etag);
    expect((await store.get(KEY))?.document).toEqual({ ...NOTE, body: 'second' });
  });

  it('is not created anew with it', async () => {
    await store.create(NOTE);
    const copy = { ...(await read()), id: 'n2' };
    expect((await failure(store.create(copy))).name).toBe('RangeError');
  });
});

describe('what the library refuses before it makes a DEK', () => {
  const unstorable = (path: string): unknown => ({
    name: 'RangeError',
    message: `The field path "${path}" cannot be stored: the database reserves the property "_ts"; rename it`,
  });

  it.each(['_ts', '_ts[]', '_ts.at'])('is a definition that declares %s', async (path) => {
    const made = setup();
    const definition = looseDefinition('notes', ['workspaceId', 'id'], [path]);
    const change = (): never => ({ ...KEY }) as never;
    const work = made.encryptor.updateDocument(definition, store as never, KEY, change);
    expect(await failure(work)).toEqual(unstorable(path));
    const run = backfillDocuments(made.encryptor, definition, store, { allowEmpty: true });
    expect(await failure(run.next())).toEqual(unstorable(path));
    expect(server.requests).toEqual([]);
    expect(made.store.calls).toEqual({});
  });

  it('is a new document that has such a property', async () => {
    const made = setup();
    const definition = looseDefinition('notes', ['workspaceId', 'id'], ['body']);
    const change = (): never => ({ ...NOTE, _ts: 7 }) as never;
    const work = made.encryptor.updateDocument(definition, store as never, KEY, change);
    expect(await failure(work)).toEqual({
      name: 'RangeError',
      message:
        'The document cannot be stored: the database reserves the property "_ts"; rename it, or leave it out where the database set it',
    });
    expect(made.store.calls).toEqual({});
    expect(await store.get(KEY)).toBeUndefined();
  });

  it('is nothing of that where the store reserves nothing', async () => {
    const made = setup();
    const definition = looseDefinition('notes', ['workspaceId', 'id'], ['_ts', '_self.x']);
    const change = (): never => ({ ...KEY, _ts: 'mine', _rid: 1 }) as never;
    const memory = new MemoryDocumentStore({ key: ['workspaceId', 'id'] });
    await made.encryptor.updateDocument(definition, memory as never, KEY, change);
    expect((await memory.get(KEY))?.document).toMatchObject({ _rid: 1 });
  });
});
