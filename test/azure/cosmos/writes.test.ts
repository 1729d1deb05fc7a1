import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sampleLease, sampleRow } from '../../../src/testing/sample-items.js';
import {
  CosmosServer,
  type CosmosFault,
  type RecordedRequest,
} from '../../support/azure/cosmos-server.js';
import { dekBench, storedItem, type Bench } from '../../support/azure/cosmos/cosmos-bench.js';
import type { CosmosDekStore } from '../../../src/azure/cosmos/index.js';
import { failure } from '../../support/failure.js';

const server = await CosmosServer.start();
afterAll(() => server.stop());

/** Long enough for the answers that do come. */
const A_WHILE_MS = 2_000;
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
const unconfirmed = (): unknown => ({
  name: 'StoreError',
  code: 'STORE_UNAVAILABLE',
  message: `Cosmos DB did not confirm a write to the container "${bench.container.id}" in the database "tests": ${ITEM} may or may not have been written; try again`,
});

/** Ways in which a write is done and its answer lost. */
const LOST_ANSWERS: readonly (readonly [string, CosmosFault])[] = [
  ['the connection is reset', { resetAfter: true }],
  ['half of the answer arrives', { cutAnswer: true }],
  ['the answer is 408', { applied: true, status: 408 }],
  ['the answer is 410', { applied: true, status: 410 }],
  ['the answer is 449', { applied: true, status: 449 }],
  ['the answer is 500', { applied: true, status: 500 }],
  ['the answer is 503', { applied: true, status: 503 }],
  ['the answer is 503 without a body', { applied: true, status: 503, text: '' }],
  ['a proxy answers 502 with a page', { applied: true, status: 502, text: '<html>' }],
];

/** The same, with nothing done. */
const NOT_DONE: readonly (readonly [string, CosmosFault])[] = [
  ['the connection is reset', { resetBefore: true }],
  ...LOST_ANSWERS.filter(([, { status }]) => status !== undefined).map(
    ([name, fault]) => [name, { ...fault, applied: false }] as const,
  ),
];

describe('a create that was done although', () => {
  it.each(LOST_ANSWERS)('%s: is found by reading it again, and sent once', async (_name, fault) => {
    server.script({ on: 'create', ...fault });
    const created = await store.create(OLD);
    expect(created.value).toMatchObject(OLD);
    expect(await store.get(OLD.id)).toMatchObject({ etag: created.etag, value: OLD });
    expect(server.count('create')).toBe(1);
    expect(server.count('read')).toBe(2);
  });
});

describe('a replace that was done although', () => {
  it.each(LOST_ANSWERS)('%s: is found by reading it again, and sent once', async (_name, fault) => {
    await createOld();
    server.script({ on: 'replace', ...fault });
    const replaced = await store.replace(NEW, etag);
    expect(replaced.value).toMatchObject(NEW);
    expect(replaced.etag).not.toBe(etag);
    expect(await store.get(OLD.id)).toMatchObject({ etag: replaced.etag, value: NEW });
    expect(server.count('replace')).toBe(1);
  });

  it('the connection is reset: is found with content that is the same as before, too', async () => {
    await createOld();
    server.script({ on: 'replace', resetAfter: true });
    const replaced = await store.replace(OLD, etag);
    expect(replaced.etag).not.toBe(etag);
    expect(server.count('replace')).toBe(1);
  });
});

describe('a delete of an item that was done although', () => {
  it.each(LOST_ANSWERS)('%s: is found by reading it again, and sent once', async (_name, fault) => {
    const lease = sampleLease();
    const created = await store.createItem(lease);
    server.script({ on: 'delete', ...fault });
    await store.deleteItem(lease.scopeId, lease.id, created.etag);
    expect(await store.getItem(lease.scopeId, lease.id)).toBeUndefined();
    expect(server.count('delete')).toBe(1);
  });
});

describe('a write that was not done because', () => {
  it.each(NOT_DONE)('%s: is sent again, as a create', async (_name, fault) => {
    server.script({ on: 'create', ...fault });
    const created = await store.create(OLD);
    expect(await store.get(OLD.id)).toMatchObject({ etag: created.etag, value: OLD });
    expect(server.count('create')).toBe(2);
    expect(bench.clock.waits).toEqual([200]);
  });

  it.each(NOT_DONE)('%s: is sent again, as a replace', async (_name, fault) => {
    await createOld();
    server.script({ on: 'replace', ...fault });
    const replaced = await store.replace(NEW, etag);
    expect(await store.get(OLD.id)).toMatchObject({ etag: replaced.etag, value: NEW });
    expect(server.requests.filter(({ kind }) => kind === 'replace')).toMatchObject([
      { ifMatch: etag },
      { ifMatch: etag },
    ]);
  });

  it.each(NOT_DONE)('%s: is sent five times and not forever', async (_name, fault) => {
    await createOld();
    server.script({ on: 'replace', ...fault, times: Infinity });
    expect(await failure(store.replace(NEW, etag))).toEqual(unconfirmed());
    expect(server.count('replace')).toBe(5);
    expect(bench.clock.waits).toEqual([200, 400, 800, 1_600]);
    expect(await storedItem(bench, OLD)).toEqual(OLD);
  });
});

describe('a write that may have been done', () => {
  it('counts as lost where another process has written since', async () => {
    await createOld();
    server.script({ on: 'replace', resetBefore: true, meanwhile: overtake });
    expect(await failure(store.replace(NEW, etag))).toEqual(refusedTo(MISMATCH));
    expect(server.count('replace')).toBe(2);
    expect(await storedItem(bench, OLD)).toEqual(sampleRow({ epoch: 7 }));
  });

  it('counts as lost where another process has created the item with other content', async () => {
    const meanwhile = () => bench.other.items.create({ ...sampleRow({ epoch: 7 }) });
    server.script({ on: 'create', resetBefore: true, meanwhile });
    expect(await failure(store.create(OLD))).toEqual(refusedTo('already exists'));
  });

  it('counts as lost where the item is gone', async () => {
    await createOld();
    const meanwhile = () => bench.other.item(OLD.id, OLD.scopeId).delete();
    server.script({ on: 'replace', resetBefore: true, meanwhile });
    expect(await failure(store.replace(NEW, etag))).toEqual(refusedTo(MISMATCH));
    expect(await storedItem(bench, OLD)).toBeUndefined();
  });

  it('succeeds where it was done late, and the second sending is refused: as a replace', async () => {
    await createOld();
    // The first one arrives when the second has already been sent.
    server.script(
      { on: 'replace', resetBefore: true },
      {
        on: 'replace',
        meanwhile: () => bench.other.item(OLD.id, OLD.scopeId).replace({ ...NEW }),
      },
    );
    const replaced = await store.replace(NEW, etag);
    expect(await store.get(OLD.id)).toMatchObject({ etag: replaced.etag, value: NEW });
    const answers = server.requests.filter(({ kind }) => kind === 'replace');
    expect(answers.map(({ status }) => status)).toEqual([undefined, 412, 200]);
  });

  it('succeeds where it was done late, and the second sending is refused: as a create', async () => {
    server.script(
      { on: 'create', resetBefore: true },
      { on: 'create', meanwhile: () => bench.other.items.create({ ...OLD }) },
    );
    const created = await store.create(OLD);
    expect(await store.get(OLD.id)).toMatchObject({ etag: created.etag, value: OLD });
    const answers = server.requests.filter(({ kind }) => kind === 'create');
    expect(answers.map(({ status }) => status)).toEqual([undefined, 409, 201]);
  });

  it('is checked again where the first read was from a lagging replica', async () => {
    await createOld();
    server.script({ on: 'replace', resetAfter: true }, { on: 'read', stale: true });
    const replaced = await store.replace(NEW, etag);
    expect(await store.get(OLD.id)).toMatchObject({ etag: replaced.etag, value: NEW });
    expect(server.requests.map(({ kind, status }) => `${kind} ${String(status)}`)).toEqual([
      'replace undefined',
      'read 200',
      'replace 412',
      'read 200',
      'read 200',
    ]);
  });

  it('is not sent forever where a later attempt is refused permanently', async () => {
    await createOld();
    server.script(
      { on: 'replace', resetBefore: true },
      { on: 'replace', status: 429, retryAfterMs: 1, times: Infinity },
    );
    expect(await failure(store.replace(NEW, etag))).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('Cosmos DB throttled requests to the container') as string,
    });
    expect(server.count('replace')).toBe(11);
    expect(await storedItem(bench, OLD)).toEqual(OLD);
  });

  it('is not sent again once the call has taken half a minute', async () => {
    await createOld();
    const meanwhile = () => {
      bench.clock.advance(30_000);
      return Promise.resolve();
    };
    server.script({ on: 'replace', resetBefore: true, meanwhile });
    expect(await failure(store.replace(NEW, etag))).toEqual(unconfirmed());
    expect(server.count('replace')).toBe(1);
  });

  it('is neither claimed nor denied where it cannot be read again', async () => {
    await createOld();
    server.script(
      { on: 'replace', resetAfter: true },
      { on: 'read', status: 503, times: Infinity },
    );
    const error = await failure(store.replace(NEW, etag));
    expect(error).toEqual(unconfirmed());
    server.clearScript();
    expect(await storedItem(bench, OLD)).toEqual(NEW);
  });

  it('is checked where the SDK sent it twice by itself and the second was refused', async () => {
    await createOld();
    // The region that it was sent to takes it, and then says that it takes no writes.
    server.script({ on: 'replace', applied: true, status: 403, substatus: 3 });
    const replaced = await store.replace(NEW, etag);
    const answers = server.requests.filter(({ kind }) => kind === 'replace');
    expect(answers.map(({ status }) => status)).toEqual([403, 412]);
    expect(await store.get(OLD.id)).toMatchObject({ etag: replaced.etag, value: NEW });
  });
});

describe('a write that hangs', () => {
  it('is given up after a while, found to be done or not, and then sent again', async () => {
    const timed = () => dekBench(server, { attemptTimeoutMs: A_WHILE_MS });
    const benches = [await timed(), await timed()];
    const outcomes = benches.map(async (hanging, at) => {
      const created = await hanging.store.create(OLD);
      const isItsReplace = ({ kind, container }: RecordedRequest) =>
        kind === 'replace' && container === hanging.container.id;
      server.script({ on: isItsReplace, hang: true, applied: at === 0 });
      const replaced = await hanging.store.replace(NEW, created.etag);
      expect(await hanging.store.get(OLD.id)).toMatchObject({ value: NEW, etag: replaced.etag });
      return server.requests.filter(isItsReplace).length;
    });
    expect(await Promise.all(outcomes)).toEqual([1, 2]);
  });

  it('ends at once when the signal aborts', async () => {
    await createOld();
    server.script({ on: 'replace', hang: true });
    const [abort, reason] = [new AbortController(), new Error('enough')];
    const replacing = store.replace(NEW, etag, { signal: abort.signal });
    while (server.count('replace') === 0) await new Promise(setImmediate);
    abort.abort(reason);
    await expect(replacing).rejects.toBe(reason);
    expect(server.count('replace', 'read')).toBe(1);
  });

  it('ends at once when the signal aborts between two attempts', async () => {
    await createOld();
    const [abort, reason] = [new AbortController(), new Error('enough')];
    server.script({ on: 'replace', resetBefore: true });
    server.script({ on: 'read', hang: true });
    const replacing = store.replace(NEW, etag, { signal: abort.signal });
    while (server.count('read') === 0) await new Promise(setImmediate);
    abort.abort(reason);
    await expect(replacing).rejects.toBe(reason);
    expect(await storedItem(bench, OLD)).toEqual(OLD);
  });
});

describe('what is sent', () => {
  it('is never an upsert, a patch, a batch or a bulk, nor a change to the container', async () => {
    const created = await store.create(OLD);
    await store.replace(NEW, created.etag);
    await store.getMany(
      Array.from({ length: 20 }, (_, at) => sampleRow({ generation: at + 1 }).id),
    );
    await store.list({ product: OLD.product });
    expect(new Set(server.requests.map(({ kind }) => kind))).toEqual(
      new Set(['create', 'replace', 'query', 'query-plan']),
    );
  });

  it('is the item as it was when the call was made', async () => {
    const scope = ['notes', 'n1'];
    server.script({ on: 'create', resetBefore: true });
    const creating = store.create({ ...OLD, scope });
    scope.push('changed by the caller');
    await creating;
    expect(await storedItem(bench, OLD)).toEqual(OLD);
  });
});
