import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CosmosDekStore } from '../../../src/azure/cosmos/index.js';
import type { StoredItem } from '../../../src/adapters.js';
import {
  ODD_TEXTS,
  sampleLease,
  sampleRow,
  sampleRows,
} from '../../../src/testing/sample-items.js';
import { readAllPages } from '../../../src/testing/contract-assertions.js';
import { CosmosServer } from '../../support/azure/cosmos-server.js';
import { dekBench, type Bench } from '../../support/azure/cosmos/cosmos-bench.js';
import { failure } from '../../support/failure.js';

const server = await CosmosServer.start();
afterAll(() => server.stop());

const PRODUCT = sampleRow().product;

let bench: Bench<CosmosDekStore>;
let store: CosmosDekStore;

beforeEach(async () => {
  bench = await dekBench(server);
  ({ store } = bench);
});

afterEach(() => {
  server.clearScript();
});

async function createRows(count: number, document = 'n'): Promise<readonly string[]> {
  const rows = sampleRows(count, { document });
  await Promise.all(rows.map((row) => store.create(row)));
  server.clearRequests();
  return rows.map(({ id }) => id);
}

const idsOf = (items: readonly StoredItem[]) =>
  items.map(({ value }) => (value as { readonly id: string }).id);

async function listAll(pageSize: number): Promise<readonly string[]> {
  const { items } = await readAllPages({ pageSize }, (continuation) =>
    store.list({ product: PRODUCT }, { pageSize, continuation }),
  );
  return idsOf(items);
}

describe('a listing', () => {
  it('is one query and its plan for each page, over all partitions, without an order', async () => {
    const ids = await createRows(7);
    expect([...(await listAll(3))].sort()).toEqual([...ids].sort());
    expect(server.count('query')).toBe(3);
    expect(server.count()).toBe(6);
    const [first] = server.requests.filter(({ kind }) => kind === 'query');
    expect(first?.query).toBe(
      'SELECT * FROM c WHERE c.product = @product AND (NOT IS_STRING(c.type) OR NOT (c.type IN ("rotation", "lease", "definition", "reencryption", "member", "proposal") AND CONTAINS(c.scopeId, ":")))',
    );
    expect(first?.partitionKey).toBeUndefined();
  });

  it('goes on after a page of no items', async () => {
    const ids = await createRows(5);
    server.script({ on: 'query', emptyPage: true }, { on: 'query', skip: 1, emptyPage: true });
    const pages: number[] = [];
    const { items } = await readAllPages({ pageSize: 2 }, async (continuation) => {
      const page = await store.list({ product: PRODUCT }, { pageSize: 2, continuation });
      pages.push(page.items.length);
      return page;
    });
    expect(pages).toEqual([0, 2, 0, 2, 1]);
    expect(idsOf(items).sort()).toEqual([...ids].sort());
  });

  it('gives a row twice where Cosmos DB does, in a page no larger than asked', async () => {
    const ids = await createRows(5);
    server.script({ on: 'query', repeatInNextPage: true });
    const listed = await listAll(2);
    expect(listed).toHaveLength(6);
    expect([...new Set(listed)].sort()).toEqual([...ids].sort());
  });

  it('does not give a row that is created behind where it stands', async () => {
    const ids = await createRows(6);
    const first = await store.list({ product: PRODUCT }, { pageSize: 4 });
    const late = await createRows(2, 'late');
    const { continuation } = first;
    const rest = await store.list({ product: PRODUCT }, { pageSize: 10, continuation });
    const listed = [...idsOf(first.items), ...idsOf(rest.items)];
    expect(listed.filter((id) => ids.includes(id)).sort()).toEqual([...ids].sort());
    expect(listed.filter((id) => late.includes(id))).toHaveLength(1);
    expect(await store.count({ product: PRODUCT })).toBe(8);
  });

  it('gives rows as they were where a page comes from a replica that lags', async () => {
    const row = sampleRow();
    const { etag } = await store.create(row);
    await store.replace({ ...row, epoch: 2 }, etag);
    server.script({ on: 'query', stale: true });
    const { items } = await store.list({ product: PRODUCT });
    expect(items).toMatchObject([{ value: { epoch: 1 }, etag }]);
    expect(await failure(store.replace({ ...row, epoch: 3 }, etag))).toMatchObject({
      code: 'ETAG_MISMATCH',
    });
  });

  it.each([
    ['because it was altered', { status: 400, message: 'Invalid Continuation Token' }],
    ['after a partition was split (410)', { status: 410, times: Infinity }],
  ])('says to begin again where its continuation is refused %s', async (_name, fault) => {
    await createRows(3);
    const { continuation } = await store.list({ product: PRODUCT }, { pageSize: 1 });
    server.script({ on: 'query', ...fault });
    const listing = store.list({ product: PRODUCT }, { pageSize: 1, continuation });
    expect(await failure(listing)).toEqual({
      name: 'StoreError',
      code: 'STORE_FAILED',
      message: `Cosmos DB no longer accepts a continuation of a listing of the container "${bench.container.id}" in the database "tests": start the listing again`,
    });
  });

  it('says to begin again for a continuation that Cosmos DB never gave', async () => {
    await createRows(3);
    const listing = store.list({ product: PRODUCT }, { continuation: 'cosmos:{"of":"nobody"}' });
    expect(await failure(listing)).toMatchObject({ code: 'STORE_FAILED' });
  });

  it('rejects, rather than end early, where the gateway leaves the pages to the SDK', async () => {
    await createRows(5);
    server.account.leavesQueriesToClient = true;
    const listing = store.list({ product: PRODUCT }, { pageSize: 2 });
    const error = await failure(listing);
    server.account.leavesQueriesToClient = false;
    expect(error).toEqual({
      name: 'StoreError',
      code: 'STORE_FAILED',
      message: `Cosmos DB has more results for a listing of the container "${bench.container.id}" in the database "tests", but returned no continuation: ask its support why the gateway leaves a plain query to the client`,
    });
  });

  it('gives what fits one page, where the gateway leaves the pages to the SDK', async () => {
    const ids = await createRows(5);
    server.account.leavesQueriesToClient = true;
    const found = await store.getMany([...ids]);
    const { items } = await store.list({ product: PRODUCT }, { pageSize: 10 });
    server.account.leavesQueriesToClient = false;
    expect([...found.keys()].sort()).toEqual([...ids].sort());
    expect(idsOf(items).sort()).toEqual([...ids].sort());
  });

  it.each(['', 'x', 'cosmos:', 'cosmos:a\nb', 'cosmos:ä', '["a","b"]', 'COSMOS:a'])(
    'refuses the continuation %j, which is not its own, and sends nothing',
    async (continuation) => {
      await expect(store.list({ product: PRODUCT }, { continuation })).rejects.toThrow(
        new RangeError('"continuation" expected one that list returned, got another text'),
      );
      expect(server.requests).toEqual([]);
    },
  );

  it.each([0, -1, 1.5, 10_001, NaN, Infinity])('refuses the page size %d', async (pageSize) => {
    await expect(store.list({ product: PRODUCT }, { pageSize })).rejects.toThrow(
      new RangeError(`"pageSize" expected an integer from 1 to 10000, got ${String(pageSize)}`),
    );
    expect(server.requests).toEqual([]);
  });

  it.each([
    ['no type', {}],
    ['a type that is a number', { type: 5 }],
    ['a type that is null', { type: null }],
    ['a type that is an object', { type: {} }],
  ])('leaves out no row with %s', async (_name, change) => {
    await bench.other.items.create({ ...sampleRow(), type: undefined, ...change });
    expect(await listAll(10)).toEqual([sampleRow().id]);
    expect(await store.count({ product: PRODUCT })).toBe(1);
  });
});

describe('an item of an unknown type, with an id that no item here has', () => {
  it('goes there and back, and is listed', async () => {
    for (const id of ODD_TEXTS) await store.create({ ...sampleRow(), id, type: 'later' } as never);
    expect([...(await listAll(100))].sort()).toEqual([...ODD_TEXTS].sort());
  });
});

describe('a count', () => {
  it('is put together from all partitions', async () => {
    await createRows(7);
    expect(await store.count({ product: PRODUCT })).toBe(7);
    const answers = server.requests.filter(({ kind }) => kind === 'query');
    expect(answers.map(({ status }) => status)).toEqual([400, 200, 200]);
  });
});

describe('listScope', () => {
  it('keeps to its partition by the text of the query and by its options', async () => {
    await createRows(3);
    const { scopeId, id } = sampleRow({ document: 'n-0' });
    expect(idsOf(await store.listScope(scopeId))).toEqual([id]);
    expect(server.requests.filter(({ kind }) => kind === 'query')).toMatchObject([
      { query: 'SELECT * FROM c WHERE c.scopeId = @scopeId', partitionKey: `["${scopeId}"]` },
    ]);
  });
});

describe('listItems', () => {
  it('is one query of one partition for each page', async () => {
    for (const name of ['a', 'b', 'c']) await store.createItem(sampleLease(PRODUCT, name));
    const { scopeId } = sampleLease(PRODUCT);
    const { items } = await readAllPages({ pageSize: 2 }, (continuation) =>
      store.listItems(scopeId, { pageSize: 2, continuation }),
    );
    expect([...idsOf(items)].sort()).toEqual(['lease:a', 'lease:b', 'lease:c']);
    const queries = server.requests.filter(({ kind }) => kind === 'query');
    expect(queries).toHaveLength(2);
    expect(queries[0]).toMatchObject({
      query: 'SELECT * FROM c WHERE c.scopeId = @scopeId',
      partitionKey: `["${scopeId}"]`,
    });
  });
});

describe('getMany', () => {
  it('reads up to four rows one by one, all at the same time', async () => {
    const ids = await createRows(4);
    expect([...(await store.getMany([...ids, ...ids])).keys()].sort()).toEqual([...ids].sort());
    expect(server.requests.map(({ kind }) => kind)).toEqual(['read', 'read', 'read', 'read']);
  });

  it('reads a hundred rows by one query', async () => {
    const ids = await createRows(100);
    expect((await store.getMany(ids)).size).toBe(100);
    expect(server.count('query')).toBe(1);
    expect(server.count()).toBe(2);
  });

  it('reads more by as many queries as there are hundreds', async () => {
    const ids = await createRows(5);
    const absent = sampleRows(196, { document: 'absent' }).map(({ id }) => id);
    expect((await store.getMany([...absent, ...ids])).size).toBe(5);
    expect(server.count('query')).toBe(3);
  });

  it('takes several pages where the service gives less than asked', async () => {
    const ids = await createRows(9);
    server.script({ on: 'query', emptyPage: true, times: 2 });
    expect((await store.getMany(ids)).size).toBe(9);
    expect(server.count('query')).toBe(3);
  });

  it('gives no item that lies in the partition of another', async () => {
    const ids = await createRows(9);
    const rows = sampleRows(9);
    for (const [at, row] of rows.entries()) {
      const { scopeId } = rows[(at + 1) % rows.length] ?? row;
      await bench.other.items.create({ ...row, scopeId, product: 'moved' });
    }
    const found = await store.getMany(ids);
    expect(found.size).toBe(9);
    for (const row of rows) expect(found.get(row.id)?.value).toMatchObject(row);
  });

  it('sends no request for an empty list', async () => {
    expect((await store.getMany([])).size).toBe(0);
    expect(server.requests).toEqual([]);
  });
});
