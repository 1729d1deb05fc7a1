import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { CosmosDocumentStore } from '../../../src/azure/cosmos/index.js';
import { CosmosServer } from '../../support/azure/cosmos-server.js';
import { documentBench, type Bench } from '../../support/azure/cosmos/cosmos-bench.js';

const server = await CosmosServer.start();
afterAll(() => server.stop());

interface Note {
  readonly workspaceId: string;
  readonly id: string;
  readonly kind?: string;
}

let bench: Bench<CosmosDocumentStore<Note>>;

beforeEach(async () => {
  bench = await documentBench<Note>(server);
  for (const workspaceId of ['w1', 'w2']) {
    for (const id of ['n1', 'n2', 'n3']) {
      await bench.store.create({ workspaceId, id, kind: id === 'n3' ? 'task' : 'note' });
    }
  }
  server.clearRequests();
});

const queries = () =>
  server.requests
    .filter(({ kind }) => kind === 'query')
    .map(({ partitionKey, query }) => ({ partitionKey, query }));

describe('list with a prefix', () => {
  it('reads one partition where the prefix covers the partition key', async () => {
    const { items } = await bench.store.list({ prefix: { workspaceId: 'w2' } });
    const documents = items.map(({ document }) => document);
    expect(documents.sort((one, other) => (one.id < other.id ? -1 : 1))).toEqual([
      { workspaceId: 'w2', id: 'n1', kind: 'note' },
      { workspaceId: 'w2', id: 'n2', kind: 'note' },
      { workspaceId: 'w2', id: 'n3', kind: 'task' },
    ]);
    expect(queries()).toEqual([
      {
        partitionKey: '["w2"]',
        query: 'SELECT * FROM c WHERE c["workspaceId"] = @fieldEncryptKeyPart0',
      },
    ]);
  });

  it('keeps the condition of the store', async () => {
    const store = new CosmosDocumentStore<Note>(bench.container, {
      partitionKey: 'workspaceId',
      where: { condition: 'c.kind = @kind OR false', parameters: { '@kind': 'note' } },
    });
    const { items } = await store.list({ prefix: { workspaceId: 'w1', id: 'n3' } });
    expect(items).toEqual([]);
    const some = await store.list({ prefix: { workspaceId: 'w1', id: 'n2' } });
    expect(some.items.map(({ document }) => document.id)).toEqual(['n2']);
    expect(queries().at(-1)).toEqual({
      partitionKey: '["w1"]',
      query:
        'SELECT * FROM c WHERE (c.kind = @kind OR false) AND c["workspaceId"] = @fieldEncryptKeyPart0 AND c["id"] = @fieldEncryptKeyPart1',
    });
  });

  it('names the partition of a hierarchical key only where it covers every level', async () => {
    const { database } = bench.other;
    const partitionKey = { paths: ['/tenant', '/user'], version: 2, kind: 'MultiHash' as never };
    const { container } = await database.containers.create({ id: 'prefixes', partitionKey });
    const store = new CosmosDocumentStore(container, { partitionKey: ['tenant', 'user'] });
    await store.create({ tenant: 't1', user: 'u1', id: 'n1' });
    await store.create({ tenant: 't1', user: 'u2', id: 'n2' });
    await store.create({ tenant: 't2', user: 'u1', id: 'n3' });
    server.clearRequests();
    expect((await store.list({ prefix: { tenant: 't1' } })).items).toHaveLength(2);
    expect((await store.list({ prefix: { tenant: 't1', user: 'u2' } })).items).toHaveLength(1);
    expect(queries().map((query) => query.partitionKey)).toEqual([undefined, '["t1","u2"]']);
  });
});
