import { readRotationItem, readLeaseItem } from '../../../src/store/dek-store.js';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { failureOf } from '../../../src/azure/cosmos/cosmos-failure.js';
import { CosmosDekStore } from '../../../src/azure/cosmos/index.js';
import { sampleRow, sampleRows } from '../../../src/testing/sample-items.js';
import { CosmosServer, type CosmosFault } from '../../support/azure/cosmos-server.js';
import { dekBench, everythingIn, type Bench } from '../../support/azure/cosmos/cosmos-bench.js';
import { failure, rejection } from '../../support/failure.js';
import { someOf } from '../../support/lane.js';

const server = await CosmosServer.start();
afterAll(() => server.stop());

/** Long enough for the answers that do come. */
const A_WHILE_MS = 1_000;
const ROW = sampleRow();
const ABSENT = sampleRow({ document: 'absent' });

let bench: Bench<CosmosDekStore>;
let store: CosmosDekStore;

beforeEach(async () => {
  bench = await dekBench(server);
  ({ store } = bench);
  await store.create(ROW);
  server.clearRequests();
});

afterEach(() => {
  server.clearScript();
});

const where = () => `the container "${bench.container.id}" in the database "tests"`;

/** Every way to ask for a row that is there, or is not. */
const READS: readonly (readonly [string, (absent?: boolean) => Promise<unknown>])[] = [
  ['get', (absent) => store.get((absent ? ABSENT : ROW).id)],
  ['getRotation', () => readRotationItem(store, 'sample')],
  ['getLease', () => readLeaseItem(store, 'sample', 'notes')],
  ['getMany of one', () => store.getMany([ROW.id])],
  ['getMany of many', () => store.getMany(sampleRows(9).map(({ id }) => id))],
  ['listScope', () => store.listScope(ROW.scopeId)],
  ['list', () => store.list({ product: ROW.product })],
  ['count', () => store.count({ product: ROW.product })],
];

const PASSING: readonly (readonly [string, CosmosFault, string])[] = [
  ['408', { status: 408 }, '408'],
  ['410', { status: 410 }, '410'],
  ['449', { status: 449 }, '449'],
  ['500', { status: 500 }, '500'],
  ['502 with a page of a proxy', { status: 502, text: '<html>' }, 'UNREADABLE_ANSWER'],
  ['503 without a body', { status: 503, text: '' }, 'UNREADABLE_ANSWER'],
  ['half an answer', { cutAnswer: true }, 'PARSE_ERROR'],
];

describe('a read', () => {
  it('reports its charge to its own caller, and to nothing on Object.prototype', async () => {
    const [inherited, own]: number[][] = [[], []];
    const onRequestCharge = (units: number): void => void inherited?.push(units);
    Object.defineProperty(Object.prototype, 'onRequestCharge', {
      value: onRequestCharge,
      configurable: true,
    });
    try {
      for (const [, read] of READS) await read();
      await store.get(ROW.id, { onRequestCharge: (units) => void own?.push(units) });
    } finally {
      Reflect.deleteProperty(Object.prototype, 'onRequestCharge');
    }
    expect(inherited).toEqual([]);
    expect(own).toHaveLength(1);
  });
});

describe('a read that meets a passing failure', () => {
  it.each(someOf(PASSING, 2))('(%s) is retried, for every read', async (_name, fault) => {
    for (const [name, read] of READS) {
      const expected = await read();
      server.clearRequests();
      server.script({ on: ['query', 'read'], ...fault });
      expect(await read(), name).toEqual(expected);
      expect(server.requests.filter(({ faulted }) => faulted).length, name).toBe(1);
    }
  });

  it.each(someOf(PASSING, 2))(
    '(%s) that does not pass rejects, and is never "absent"',
    async (_name, fault, reason) => {
      for (const [name, read] of READS) {
        server.script({ on: ['query', 'read'], ...fault, times: Infinity });
        expect(await failure(read(true)), name).toEqual({
          name: 'StoreError',
          code: 'STORE_UNAVAILABLE',
          // A count that meets a split is given out by the SDK as 503.
          message: `Cosmos DB did not serve ${where()} (${name === 'count' && reason === '410' ? '503' : reason}): try again`,
        });
        server.clearScript();
      }
      expect(bench.clock.waits.slice(0, 4)).toEqual([200, 400, 800, 1_600]);
    },
  );

  it('(503) is made again by the SDK first, and by the store then', async () => {
    server.script({ on: 'read', status: 503, times: 3 });
    expect((await store.get(ROW.id))?.value).toMatchObject(ROW);
    expect(server.count('read')).toBe(4);
    expect(bench.clock.waits).toEqual([200]);
  });

  it('(a reset) is made again by the SDK', async () => {
    server.script({ on: 'read', resetBefore: true });
    expect((await store.get(ROW.id))?.value).toMatchObject(ROW);
    expect(server.count('read')).toBe(2);
  });

  it('is not made again once the call has taken half a minute', async () => {
    const late = () => {
      bench.clock.advance(30_000);
      return Promise.resolve();
    };
    server.script({ on: 'read', status: 500, meanwhile: late, times: Infinity });
    expect(await failure(store.get(ROW.id))).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(server.count('read')).toBe(1);
  });

  it('is not made again once the signal has aborted', async () => {
    const [abort, reason] = [new AbortController(), new Error('enough')];
    const meanwhile = () => {
      abort.abort(reason);
      return Promise.resolve();
    };
    server.script({ on: 'read', status: 500, meanwhile, times: Infinity });
    await expect(store.get(ROW.id, { signal: abort.signal })).rejects.toBe(reason);
    expect(server.count('read')).toBe(1);
  });
});

describe('a read that hangs', () => {
  it('is given up after a while: the SDK alone would ask for two hours', async () => {
    const hanging = new CosmosDekStore(bench.container, {
      clock: bench.clock,
      attemptTimeoutMs: A_WHILE_MS,
    });
    await hanging.readLagMs();
    const meanwhile = () => {
      bench.clock.advance(30_000);
      return Promise.resolve();
    };
    server.script({ on: 'read', hang: true, meanwhile, times: Infinity });
    expect(await failure(hanging.get(ROW.id))).toEqual({
      name: 'StoreError',
      code: 'STORE_UNAVAILABLE',
      message: `Cosmos DB did not serve ${where()} (TimeoutError): try again`,
    });
    expect(server.count('read')).toBe(1);
  });

  it('is made again, where there is time for it', async () => {
    const hanging = new CosmosDekStore(bench.container, {
      clock: bench.clock,
      attemptTimeoutMs: A_WHILE_MS,
    });
    await hanging.readLagMs();
    server.script({ on: 'read', hang: true });
    expect((await hanging.get(ROW.id))?.value).toMatchObject(ROW);
    expect(server.count('read')).toBe(2);
  });

  it.each([99, 600_001, 1.5, NaN])('is never given up after %d ms', (attemptTimeoutMs) => {
    expect(() => new CosmosDekStore(bench.container, { attemptTimeoutMs })).toThrow(
      new RangeError(
        `"attemptTimeoutMs" expected an integer from 100 to 600000, got ${String(attemptTimeoutMs)}`,
      ),
    );
  });

  it('ends at once when the signal aborts', async () => {
    server.script({ on: 'read', hang: true });
    const [abort, reason] = [new AbortController(), new Error('enough')];
    const reading = store.get(ROW.id, { signal: abort.signal });
    while (server.count('read') === 0) await new Promise(setImmediate);
    abort.abort(reason);
    await expect(reading).rejects.toBe(reason);
  });

  it('leaves no listener on a signal that serves many calls', async () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const [add, remove] = [
      signal.addEventListener.bind(signal),
      signal.removeEventListener.bind(signal),
    ];
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners += 1;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners -= 1;
      remove(...args);
    };
    for (let call = 0; call < 5; call += 1) await store.get(ROW.id, { signal });
    expect(listeners).toBe(0);
  });
});

describe('permanent throttling (429)', () => {
  it.each([
    ['with the time to wait', { retryAfterMs: 1 }],
    ['without the time to wait', {}],
  ])('%s ends every read with an error', async (_name, fault) => {
    for (const [name, read] of READS) {
      server.script({ status: 429, times: Infinity, ...fault });
      expect(await failure(read(true)), name).toEqual({
        name: 'StoreError',
        code: 'STORE_UNAVAILABLE',
        message: `Cosmos DB throttled requests to ${where()}: raise its throughput or send fewer requests at a time, then try again`,
      });
      server.clearScript();
    }
  });
});

describe('a read that is denied', () => {
  it.each([401, 403])('(%d) names the role, and is never "absent"', async (status) => {
    for (const [name, read] of READS) {
      server.script({ status, times: Infinity });
      expect(await failure(read(true)), name).toEqual({
        name: 'StoreError',
        code: 'STORE_FAILED',
        message: `Cosmos DB denies access to ${where()} (${String(status)}): give this identity the role "Cosmos DB Built-in Data Contributor" on it, and allow this address in the account's firewall`,
      });
      server.clearScript();
    }
  });

  it('because there is no token says so', async () => {
    const getToken = () =>
      Promise.reject(Object.assign(new Error('secret'), { name: 'CredentialUnavailableError' }));
    const { endpoint } = server;
    const options = { endpoint, key: undefined as never, aadCredentials: { getToken } };
    const { container } = await clientless(options);
    const error = await rejection(
      new CosmosDekStore(container, { clock: bench.clock }).get(ROW.id),
    );
    expect(error).toMatchObject({
      code: 'STORE_FAILED',
      message: `There is no token for ${where()} (CredentialUnavailableError): check the credential of the CosmosClient`,
    });
    expect(everythingIn(error)).not.toContain('secret');
  });

  async function clientless(options: Parameters<typeof server.client>[0]) {
    const client = server.client(options);
    await Promise.resolve();
    return { container: client.database('tests').container(bench.container.id) };
  }
});

describe('a read of what is absent', () => {
  it('gives undefined where the item alone is missing', async () => {
    expect(await store.get(ABSENT.id)).toBeUndefined();
    expect(await readRotationItem(store, 'sample')).toBeUndefined();
    expect(await readLeaseItem(store, 'sample', 'notes')).toBeUndefined();
    expect(server.requests.map(({ kind }) => kind)).toEqual(['read', 'read', 'read']);
  });

  it('rejects where no replica is up to date (404/1002)', async () => {
    server.script({ on: 'read', status: 404, substatus: 1002, times: Infinity });
    for (const id of [ROW.id, ABSENT.id]) {
      expect(await failure(store.get(id))).toEqual({
        name: 'StoreError',
        code: 'STORE_UNAVAILABLE',
        message: `No replica of ${where()} is up to date: try again`,
      });
    }
  });

  it('gives the row where a replica was not up to date at first (404/1002)', async () => {
    server.script({ on: 'read', status: 404, substatus: 1002, times: 4 });
    expect((await store.get(ROW.id))?.value).toMatchObject(ROW);
  });

  it.each([true, false])(
    'rejects where the container is missing, whether Cosmos DB says so or not: %s',
    async (saysOwnerIsMissing) => {
      server.account.saysOwnerIsMissing = saysOwnerIsMissing;
      await bench.other.delete();
      bench.clock.advance(60_000);
      const missing = {
        name: 'StoreError',
        code: 'STORE_FAILED',
        message: `Cosmos DB has no ${where().slice('the '.length)}: create it with ensureDekContainer()`,
      };
      for (const [name, read] of READS) expect(await failure(read(true)), name).toEqual(missing);
      expect(await failure(store.create(ABSENT))).toEqual(missing);
      expect(await failure(store.replace(ROW, '"e"'))).toEqual(missing);
      const fresh = new CosmosDekStore(bench.container, { clock: bench.clock });
      expect(await failure(fresh.get(ROW.id))).toEqual(missing);
      server.account.saysOwnerIsMissing = true;
    },
  );
});

describe('what a read of this client has to be up to', () => {
  it('are its own writes: reads carry the session, which the SDK leaves out by itself', async () => {
    const lagging = ({ sessionToken }: { readonly sessionToken?: string }) =>
      sessionToken === undefined;
    server.script({ on: lagging, stale: true, times: Infinity });
    const { etag } = await store.create(ABSENT);
    expect((await store.get(ABSENT.id))?.etag).toBe(etag);
    const replaced = await store.replace({ ...ABSENT, epoch: 2 }, etag);
    expect((await store.get(ABSENT.id))?.etag).toBe(replaced.etag);
    const [listed] = await store.listScope(ABSENT.scopeId);
    expect(listed?.etag).toBe(replaced.etag);
    const reads = server.requests.filter(({ kind }) => kind === 'read' || kind === 'query');
    expect(reads.map(({ consistency }) => consistency)).toEqual(['Session', 'Session', 'Session']);
  });

  it('is the account’s own consistency, where the client was set to less', async () => {
    server.account.consistency = 'Strong';
    const weaker = await dekBench(server, {}, { consistencyLevel: 'Eventual' });
    await weaker.store.get(ROW.id);
    await weaker.store.list({ product: 'sample' });
    await weaker.store.count({ product: 'sample' });
    const reads = server.requests.filter(({ kind }) => kind === 'read' || kind === 'query');
    expect(new Set(reads.map(({ consistency }) => consistency))).toEqual(new Set(['Strong']));
    server.account.consistency = 'Session';
  });
});

describe('an error', () => {
  it('holds nothing of an item, of a query or of a key, however deep', async () => {
    const canary = 'canary-in-a-row';
    const row = { ...sampleRow({ document: 'secret' }), wrappedDek: canary };
    const created = await store.create(row);
    const message = `what the service quotes: ${canary}`;
    const calls = [
      () => store.create({ ...row, generation: 2 }),
      () => store.replace(row, created.etag),
      () => store.get(row.id),
      () => store.list({ product: canary }),
    ];
    for (const status of someOf([400, 503, 403, 413, 429], 2)) {
      for (const call of calls) {
        server.script({ status, message, times: Infinity });
        const error = await rejection(call());
        expect(error).toMatchObject({
          name: 'StoreError',
          cause: { name: 'CosmosFailure', status },
        });
        expect(everythingIn(error)).not.toContain(canary);
        expect(everythingIn(error)).not.toContain(server.key);
        server.clearScript();
      }
    }
  });

  it('keeps status, substatus and activity for Azure’s support', async () => {
    const headers = { 'x-ms-activity-id': '00000000-1111-2222-3333-444444444444' };
    server.script({ status: 400, substatus: 1001, headers });
    expect(await rejection(store.create(ABSENT))).toMatchObject({
      code: 'STORE_FAILED',
      retryable: false,
      message: `Cosmos DB refused a request to ${where()} (400/1001): contact its support with the activity id in the cause`,
      cause: {
        message: 'Cosmos DB answered 400 (substatus 1001)',
        status: 400,
        substatus: 1001,
        activityId: '00000000-1111-2222-3333-444444444444',
      },
    });
  });

  it('takes no text from an answer that is no id or code', async () => {
    const canary = 'quoted: canary in an answer';
    server.script({ status: 400, headers: { 'x-ms-activity-id': canary } });
    expect(everythingIn(await rejection(store.create(ABSENT)))).not.toContain('canary');
    const failed = failureOf({ code: canary, name: canary, message: canary });
    expect(failed).toMatchObject({
      code: 'UNKNOWN',
      message: 'Cosmos DB did not answer (UNKNOWN)',
    });
    expect(everythingIn(failed)).not.toContain('canary');
  });
});
