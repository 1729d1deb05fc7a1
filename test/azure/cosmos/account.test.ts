import { readRotationItem } from '../../../src/store/dek-store.js';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { CosmosDekStore, CosmosDocumentStore } from '../../../src/azure/cosmos/index.js';
import { sampleRow } from '../../../src/testing/sample-items.js';
import { CosmosServer } from '../../support/azure/cosmos-server.js';
import { BackOffClock } from '../../support/azure/cosmos/back-off-clock.js';
import { failure } from '../../support/failure.js';

const server = await CosmosServer.start();
afterAll(() => server.stop());

afterEach(() => {
  server.clearScript();
  server.account.multipleWriteRegions = false;
  server.account.consistency = 'Session';
});

async function freshStore(): Promise<CosmosDekStore> {
  const { id, database } = await server.container();
  const container = server.client().database(database.id).container(id);
  server.clearRequests();
  return new CosmosDekStore(container, { clock: new BackOffClock() });
}

describe('an account that takes writes in several regions', () => {
  it('is refused by every call, before anything is read or written', async () => {
    server.account.multipleWriteRegions = true;
    const container = await server.container({ name: 'several-regions' });
    const store = new CosmosDekStore(container);
    const notes = new CosmosDocumentStore(container, { partitionKey: 'scopeId' });
    server.clearRequests();
    const row = sampleRow();
    const calls = [
      store.create(row),
      store.get(row.id),
      store.getMany([row.id]),
      store.listScope(row.scopeId),
      store.list({ product: row.product }),
      store.count({ product: row.product }),
      readRotationItem(store, row.product),
      store.readLagMs(),
      notes.list(),
      notes.create({ scopeId: 's', id: 'n' }),
    ];
    for (const call of calls) {
      expect(await failure(call)).toEqual({
        name: 'StoreError',
        code: 'STORE_FAILED',
        message:
          'The account of the container "several-regions" in the database "tests" has multi-region writes, under which two replaces with one etag can both succeed: turn them off, or use an account without them',
      });
    }
    expect(new Set(server.requests.map(({ kind }) => kind))).toEqual(new Set(['account']));
  });

  it('is taken again as soon as it no longer does', async () => {
    server.account.multipleWriteRegions = true;
    const store = await freshStore();
    await expect(store.get(sampleRow().id)).rejects.toMatchObject({ code: 'STORE_FAILED' });
    server.account.multipleWriteRegions = false;
    expect(await store.get(sampleRow().id)).toBeUndefined();
  });
});

describe('the look at account and container', () => {
  it('is made once, however many calls come first', async () => {
    const store = await freshStore();
    const { id, product } = sampleRow();
    await Promise.all([store.get(id), store.create(sampleRow()), store.list({ product })]);
    await store.get(id);
    expect(server.count('container')).toBe(1);
    // The SDK reads the account for itself, too.
    expect(server.count('account')).toBe(2);
  });

  it('is made again after it failed', async () => {
    const store = await freshStore();
    server.script({ on: 'account', status: 403, times: 1 });
    expect(await failure(store.get(sampleRow().id))).toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining('Cosmos DB Built-in Data Contributor') as string,
    });
    expect(await store.get(sampleRow().id)).toBeUndefined();
    expect(server.count('read')).toBe(1);
  });

  it.each(['account', 'container'] as const)(
    'waits out a passing failure of the %s',
    async (kind) => {
      const store = await freshStore();
      server.script({ on: kind, status: 500, times: 2 });
      expect(await store.get(sampleRow().id)).toBeUndefined();
    },
  );

  it('goes on for the others where the first caller leaves', async () => {
    const store = await freshStore();
    const [abort, reason] = [new AbortController(), new Error('enough')];
    server.script({ on: 'account', delayMs: 20 });
    const [first, second] = [
      store.get(sampleRow().id, { signal: abort.signal }),
      store.get(sampleRow().id),
    ];
    abort.abort(reason);
    await expect(first).rejects.toBe(reason);
    expect(await second).toBeUndefined();
  });

  it('holds no caller that leaves while it hangs', async () => {
    const store = await freshStore();
    const [abort, reason] = [new AbortController(), new Error('enough')];
    server.script({ on: 'container', hang: true });
    const reading = store.get(sampleRow().id, { signal: abort.signal });
    while (server.count('container') === 0) await new Promise(setImmediate);
    abort.abort(reason);
    await expect(reading).rejects.toBe(reason);
  });

  it('refuses a container with another partition key', async () => {
    const container = await server.container({ name: 'by-id', partitionKeyPath: '/id' });
    const store = new CosmosDekStore(container);
    expect(await failure(store.create(sampleRow()))).toEqual({
      name: 'StoreError',
      code: 'STORE_FAILED',
      message:
        'The partition key of the container "by-id" in the database "tests" is /id, not /scopeId: it cannot be changed, so create another container',
    });
    const notes = new CosmosDocumentStore(container, { partitionKey: ['tenant', 'user'] });
    expect(await failure(notes.count())).toMatchObject({
      message:
        'The partition key of the container "by-id" in the database "tests" is /id, not /tenant, /user: it cannot be changed, so create another container',
    });
  });

  it.each([-1, 3_600])(
    'refuses a container for keys whose time to live is %d',
    async (defaultTtl) => {
      const { database } = await server.container();
      const id = `ttl-${String(defaultTtl)}`;
      const definition = { id, partitionKey: { paths: ['/scopeId'] }, defaultTtl };
      const { container } = await database.containers.create(definition);
      expect(await failure(new CosmosDekStore(container).create(sampleRow()))).toEqual({
        name: 'StoreError',
        code: 'STORE_FAILED',
        message: `A time to live is set for the container "${id}" in the database "tests", which can delete keys: turn it off in the container's settings`,
      });
    },
  );
});

describe('readLagMs', () => {
  it('is 0 with strong consistency', async () => {
    server.account.consistency = 'Strong';
    expect(await (await freshStore()).readLagMs()).toBe(0);
  });

  it.each(['BoundedStaleness', 'Session', 'ConsistentPrefix', 'Eventual'])(
    'is 5 s with the consistency %s, or what the caller knows of it',
    async (consistency) => {
      server.account.consistency = consistency;
      expect(await (await freshStore()).readLagMs()).toBe(5_000);
      const container = await server.container();
      expect(await new CosmosDekStore(container, { readLagMs: 300_000 }).readLagMs()).toBe(300_000);
      expect(await new CosmosDekStore(container, { readLagMs: 0 }).readLagMs()).toBe(0);
    },
  );

  it('rejects where it cannot be found out', async () => {
    const store = await freshStore();
    server.script({ on: 'account', status: 500, times: Infinity });
    expect(await failure(store.readLagMs())).toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  it('takes the options of every call, and no others', async () => {
    const store = await freshStore();
    const options = { signall: AbortSignal.abort() };
    expect(await failure(store.readLagMs(options as never))).toEqual({
      name: 'RangeError',
      message: '"signall" is no option: expected signal, onRequestCharge; did you mean "signal"?',
    });
    expect(server.requests).toEqual([]);
  });

  it.each([-1, 1.5, NaN, 3_600_001])('is refused as an option of %d', async (readLagMs) => {
    const container = await server.container({ name: 'lag' });
    expect(() => new CosmosDekStore(container, { readLagMs })).toThrow(
      new RangeError(`"readLagMs" expected an integer from 0 to 3600000, got ${String(readLagMs)}`),
    );
  });
});
