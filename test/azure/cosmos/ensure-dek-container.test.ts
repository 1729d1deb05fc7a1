import type { Database } from '@azure/cosmos';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CosmosDekStore, ensureDekContainer } from '../../../src/azure/cosmos/index.js';
import { sampleRow } from '../../../src/testing/sample-items.js';
import { BackOffClock } from '../../support/azure/cosmos/back-off-clock.js';
import { CosmosServer } from '../../support/azure/cosmos-server.js';
import { failure } from '../../support/failure.js';

const server = await CosmosServer.start();
afterAll(() => server.stop());

let database: Database;

beforeAll(async () => {
  ({ database } = await server.container());
});

afterEach(() => {
  server.clearScript();
});

const clock = new BackOffClock();
const CONTAINER_CHANGES = ['replace-container', 'delete-container', 'other'] as const;

describe('ensureDekContainer', () => {
  it('makes a container by scope, without a time to live, whose index leaves wraps out', async () => {
    const container = await ensureDekContainer(database, { id: 'made' });
    const { resource } = await container.read();
    expect(resource).toMatchObject({
      id: 'made',
      partitionKey: { paths: ['/scopeId'] },
      indexingPolicy: {
        automatic: true,
        indexingMode: 'consistent',
        includedPaths: [
          { path: '/scopeId/?' },
          { path: '/type/?' },
          { path: '/product/?' },
          { path: '/mekVersion/?' },
          { path: '/state/?' },
          { path: '/epoch/?' },
          { path: '/generation/?' },
        ],
        excludedPaths: [{ path: '/*' }],
      },
    });
    expect(resource).not.toHaveProperty('defaultTtl');
    expect((await new CosmosDekStore(container).create(sampleRow())).value).toMatchObject(
      sampleRow(),
    );
  });

  it('names it dek_store, and leaves it as it is from then on', async () => {
    const made = await ensureDekContainer(database);
    await new CosmosDekStore(made).create(sampleRow());
    server.clearRequests();
    const found = await ensureDekContainer(database);
    expect(found.id).toBe('dek_store');
    expect(server.requests.map(({ kind }) => kind)).toEqual(['container']);
    expect((await new CosmosDekStore(found).get(sampleRow().id))?.value).toMatchObject(sampleRow());
  });

  it('is made once by any number of callers', async () => {
    const calls = Array.from({ length: 5 }, () => ensureDekContainer(database, { id: 'once' }));
    expect((await Promise.all(calls)).map(({ id }) => id)).toEqual(Array(5).fill('once'));
    expect(server.count(...CONTAINER_CHANGES)).toBe(0);
  });

  it('takes a container that is indexed in another way', async () => {
    await server.container({ name: 'indexed' });
    server.clearRequests();
    expect((await ensureDekContainer(database, { id: 'indexed' })).id).toBe('indexed');
    expect(server.requests.map(({ kind }) => kind)).toEqual(['container']);
  });

  it('requests throughput where it is passed', async () => {
    await ensureDekContainer(database, { id: 'fast', throughput: 4_000 });
    const made = server.requests.findLast(({ kind }) => kind === 'create-container');
    expect(made?.throughput).toBe('4000');
  });

  it('refuses a container with another partition key, and does not touch it', async () => {
    await server.container({ name: 'other-key', partitionKeyPath: '/id' });
    server.clearRequests();
    expect(await failure(ensureDekContainer(database, { id: 'other-key' }))).toEqual({
      name: 'StoreError',
      code: 'STORE_FAILED',
      message:
        'The partition key of the container "other-key" in the database "tests" is /id, not /scopeId: it cannot be changed, so create another container',
    });
    expect(server.requests.map(({ kind }) => kind)).toEqual(['container']);
  });

  it('refuses a container that another process has just created differently', async () => {
    const meanwhile = () => server.container({ name: 'raced', partitionKeyPath: '/id' });
    server.script({ on: 'create-container', meanwhile });
    expect(await failure(ensureDekContainer(database, { id: 'raced' }))).toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining('is /id, not /scopeId') as string,
    });
  });

  it.each([-1, 60])('refuses a container whose time to live is %d', async (defaultTtl) => {
    const id = `ttl${String(defaultTtl)}`;
    await database.containers.create({ id, partitionKey: { paths: ['/scopeId'] }, defaultTtl });
    expect(await failure(ensureDekContainer(database, { id }))).toEqual({
      name: 'StoreError',
      code: 'STORE_FAILED',
      message: `A time to live is set for the container "${id}" in the database "tests", which can delete keys: turn it off in the container's settings`,
    });
  });

  it('says who may make it where this identity may not', async () => {
    server.script({ on: 'create-container', status: 403, substatus: 5300 });
    expect(await failure(ensureDekContainer(database, { id: 'denied' }))).toEqual({
      name: 'StoreError',
      code: 'STORE_FAILED',
      message:
        'This identity may not create the container "denied" in the database "tests": use the account\'s key, or create it with "az cosmosdb sql container create --partition-key-path /scopeId"',
    });
  });

  it('says that the database is missing', async () => {
    const missing = server.client().database('nowhere');
    expect(await failure(ensureDekContainer(missing))).toEqual({
      name: 'StoreError',
      code: 'STORE_FAILED',
      message:
        'Cosmos DB has no container "dek_store" in the database "nowhere": create the database "nowhere" first',
    });
  });

  it.each([
    ['before it was made', { status: 503 }],
    ['after it was made', { applied: true, status: 503 }],
    ['after it was made', { resetAfter: true }],
  ])('gets over an answer that is lost %s', async (_name, fault) => {
    const id = `lost-${crypto.randomUUID()}`;
    server.script({ on: 'create-container', ...fault });
    expect((await ensureDekContainer(database, { id, clock })).id).toBe(id);
  });

  it('stops when the signal aborts', async () => {
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    await expect(ensureDekContainer(database, { id: 'aborted', signal })).rejects.toBe(reason);
  });
});
