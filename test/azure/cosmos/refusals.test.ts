import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sampleRow } from '../../../src/testing/sample-items.js';
import { CosmosServer } from '../../support/azure/cosmos-server.js';
import { dekBench, storedItem, type Bench } from '../../support/azure/cosmos/cosmos-bench.js';
import type { CosmosDekStore } from '../../../src/azure/cosmos/index.js';
import { failure } from '../../support/failure.js';

const server = await CosmosServer.start();
afterAll(() => server.stop());

const OLD = sampleRow({ epoch: 1 });
const NEW = sampleRow({ epoch: 2 });
const ITEM = `The item ${OLD.id}`;

let bench: Bench<CosmosDekStore>;
let store: CosmosDekStore;
let etag: string;

beforeEach(async () => {
  bench = await dekBench(server);
  ({ store } = bench);
});

afterEach(() => {
  server.clearScript();
});

async function createOld(): Promise<void> {
  ({ etag } = await store.create(OLD));
  server.clearRequests();
}

/** Another process gets there first. */
async function overtake(): Promise<void> {
  const row = sampleRow({ epoch: 7 });
  await bench.other.item(row.id, row.scopeId).replace(row);
}

function refusedTo(what: string): unknown {
  const code = what === 'already exists' ? 'ALREADY_EXISTS' : 'ETAG_MISMATCH';
  return { name: 'StoreError', code, message: `${ITEM} ${what}` };
}

const MISMATCH = 'was changed or removed by another writer';

describe('a write that is refused at once', () => {
  it('because the etag is old (412): is refused, and nothing else is asked', async () => {
    await createOld();
    await overtake();
    server.clearRequests();
    expect(await failure(store.replace(NEW, etag))).toEqual(refusedTo(MISMATCH));
    expect(server.requests.map(({ kind }) => kind)).toEqual(['replace']);
    expect(await storedItem(bench, OLD)).toEqual(sampleRow({ epoch: 7 }));
  });

  it('because the item exists (409): is refused, although the content is the same', async () => {
    await createOld();
    expect(await failure(store.create(OLD))).toEqual(refusedTo('already exists'));
    expect(server.requests.map(({ kind }) => kind)).toEqual(['create']);
  });

  it('because the row was deleted between read and replace (404): is refused', async () => {
    await createOld();
    await bench.other.item(OLD.id, OLD.scopeId).delete();
    expect(await failure(store.replace(NEW, etag))).toEqual(refusedTo(MISMATCH));
    expect(await storedItem(bench, OLD)).toBeUndefined();
  });

  it('because it was throttled before, and was too late (429, then 412): is refused', async () => {
    await createOld();
    server.script({ on: 'replace', status: 429, retryAfterMs: 1, meanwhile: overtake });
    expect(await failure(store.replace(NEW, etag))).toEqual(refusedTo(MISMATCH));
    expect(server.count('read')).toBe(0);
  });

  it.each(['', '*', '"a", *', '"a" "b"', 'a\nb', '"ä"'])(
    'because the etag %j is none: is not even sent',
    async (none) => {
      await createOld();
      expect(await failure(store.replace(NEW, none))).toEqual(refusedTo(MISMATCH));
      expect(server.requests).toEqual([]);
    },
  );
});

describe('a write to a region that takes none, as during a failover (403/3)', () => {
  it('was not done, and may be tried again', async () => {
    // With endpoint discovery, the SDK goes on asking for two minutes.
    const policy = { connectionPolicy: { enableEndpointDiscovery: false } };
    const failingOver = await dekBench(server, {}, policy);
    server.script({ on: 'create', status: 403, substatus: 3 });
    expect(await failure(failingOver.store.create(OLD))).toEqual({
      name: 'StoreError',
      code: 'STORE_UNAVAILABLE',
      message: `Cosmos DB did not serve the container "${failingOver.container.id}" in the database "tests" (403/3): try again`,
    });
    expect(server.count('create', 'read')).toBe(1);
  });
});

describe('throttling', () => {
  it('is waited out by the SDK, for as long as the service asks', async () => {
    await createOld();
    server.script({ on: 'replace', status: 429, retryAfterMs: 5, times: 9 });
    expect((await store.replace(NEW, etag)).value).toMatchObject(NEW);
    expect(server.count('replace')).toBe(10);
    expect(bench.clock.waits).toEqual([]);
  });

  it.each([
    ['with the time to wait', { retryAfterMs: 1 }],
    ['without the time to wait', {}],
  ])('that does not end, %s, ends the call with nothing written', async (_name, fault) => {
    await createOld();
    server.script({ on: 'replace', status: 429, times: Infinity, ...fault });
    expect(await failure(store.replace(NEW, etag))).toEqual({
      name: 'StoreError',
      code: 'STORE_UNAVAILABLE',
      message: `Cosmos DB throttled requests to the container "${bench.container.id}" in the database "tests": raise its throughput or send fewer requests at a time, then try again`,
    });
    expect(server.count('replace')).toBe(10);
    expect(await storedItem(bench, OLD)).toEqual(OLD);
  });
});

describe('an item that is too large (413)', () => {
  it('is refused for good, and nothing is written', async () => {
    const large = { ...OLD, scope: ['notes', 'x'.repeat(2 * 1_024 * 1_024)] };
    expect(await failure(store.create(large))).toEqual({
      name: 'StoreError',
      code: 'STORE_FAILED',
      message: `The item for the container "${bench.container.id}" in the database "tests" is larger than the 2 MB that Cosmos DB accepts: store less in it`,
    });
    expect(server.count('create')).toBe(1);
    expect(await storedItem(bench, OLD)).toBeUndefined();
  });
});
