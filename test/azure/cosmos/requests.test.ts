import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { CosmosDekStore, type CosmosRequest } from '../../../src/azure/cosmos/index.js';
import { sampleRow, sampleRows } from '../../../src/testing/sample-items.js';
import { CosmosServer } from '../../support/azure/cosmos-server.js';
import { dekBench } from '../../support/azure/cosmos/cosmos-bench.js';
import { failure } from '../../support/failure.js';

const server = await CosmosServer.start();
afterAll(() => server.stop());

afterEach(() => {
  server.clearScript();
});

const ROW = sampleRow();

describe('onRequestCharge', () => {
  it('is called once for each answer, with what it says it cost', async () => {
    const { store } = await dekBench(server);
    const charged: number[] = [];
    const onRequestCharge = (units: number) => charged.push(units);
    const { etag } = await store.create(ROW, { onRequestCharge });
    await store.get(ROW.id, { onRequestCharge });
    await store.replace(ROW, etag, { onRequestCharge });
    await store.list({ product: ROW.product }, { onRequestCharge });
    await store.listScope(ROW.scopeId, { onRequestCharge });
    await store.getMany([ROW.id], { onRequestCharge });
    await store.getMany(
      sampleRows(101).map(({ id }) => id),
      { onRequestCharge },
    );
    // Both partitions of the count come as one answer of the SDK.
    await store.count({ product: ROW.product }, { onRequestCharge });
    expect(charged).toEqual([6, 1, 10, 3, 3, 1, 3, 3, 6]);
  });

  it('is called for refusals and for reading again, too', async () => {
    const { store } = await dekBench(server);
    const charged: number[] = [];
    const onRequestCharge = (units: number) => charged.push(units);
    await store.get(ROW.id, { onRequestCharge });
    server.script({ on: 'create', status: 449 }, { on: 'read', status: 500 });
    const { etag } = await store.create(ROW, { onRequestCharge });
    await failure(store.create(ROW, { onRequestCharge }));
    await failure(store.replace(ROW, `${etag}x`, { onRequestCharge }));
    // Absent; 449, a read that fails and one that does not, sent again; 409; 412.
    expect(charged).toEqual([1, 6, 1, 1, 6, 6, 10]);
  });

  it('is called for the check of the container by the first caller', async () => {
    const store = new CosmosDekStore(await server.container());
    const charged: number[] = [];
    await store.get(ROW.id, { onRequestCharge: (units) => charged.push(units) });
    expect(charged).toEqual([1, 1]);
  });

  it('is not called where an answer says nothing', async () => {
    const { store } = await dekBench(server);
    const { charges } = server.account;
    delete charges.read;
    const charged: number[] = [];
    await store.get(ROW.id, { onRequestCharge: (units) => charged.push(units) });
    charges.read = 1;
    expect(charged).toEqual([]);
  });

  it('changes nothing by what it throws', async () => {
    const { store } = await dekBench(server, {
      onRequest: () => {
        throw new Error('the dashboard is down');
      },
    });
    const onRequestCharge = () => {
      throw new Error('the meter is down');
    };
    const { etag } = await store.create(ROW, { onRequestCharge });
    expect((await store.get(ROW.id, { onRequestCharge }))?.etag).toBe(etag);
    expect(server.requests.map(({ kind }) => kind)).toEqual(['create', 'read']);
  });
});

describe('onRequest', () => {
  it('is called for every request, without data of any item', async () => {
    const requests: CosmosRequest[] = [];
    const { store, container } = await dekBench(server, {
      onRequest: (request) => requests.push(request),
    });
    expect(requests.map(({ operation }) => operation)).toEqual(['account', 'container']);
    requests.length = 0;
    server.script({ on: 'create', status: 449, substatus: 7 }, { on: 'create', resetBefore: true });
    await store.create(ROW);
    await store.list({ product: ROW.product });
    const activityId = expect.stringMatching(/^[0-9a-f-]{36}$/) as string;
    const read = { operation: 'read', status: 404, requestCharge: 1, activityId };
    expect(requests).toEqual(
      [
        { operation: 'create', status: 449, substatus: 7, requestCharge: 6, activityId },
        read,
        { operation: 'create', code: 'ECONNRESET' },
        read,
        { operation: 'create', status: 201, requestCharge: 6, activityId },
        { operation: 'query', status: 200, requestCharge: 3, activityId },
      ].map((request) => ({ ...request, container: container.id })),
    );
    expect(JSON.stringify(requests)).not.toContain(ROW.id);
  });
});
