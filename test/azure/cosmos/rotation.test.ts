import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CosmosDekStore } from '../../../src/azure/cosmos/index.js';
import type { DekRow } from '../../../src/adapters.js';
import {
  createFieldEncryptor,
  rewrapAllDeks,
  type FieldEncryptor,
  type RewrapEvent,
  type RewrapSummary,
} from '../../../src/index.js';
import { CosmosServer, type CosmosFault } from '../../support/azure/cosmos-server.js';
import { dekBench, type Bench } from '../../support/azure/cosmos/cosmos-bench.js';
import {
  decryptAny,
  encryptAny,
  KEY,
  note,
  PRODUCT,
  setup,
  type Loose,
} from '../../support/encryptor.js';
import { failure } from '../../support/failure.js';
import { AutoClock } from '../../support/rotation/auto-clock.js';
import { envKeys, versionOf, type MekName } from '../../support/rotations.js';
import { activeRow } from '../../support/rows.js';
import { isSlow, someOf } from '../../support/lane.js';

const server = await CosmosServer.start();
afterAll(() => server.stop());

const NOTES = 4;

let bench: Bench<CosmosDekStore>;
let notes: readonly Loose[];

beforeEach(async () => {
  // A service may put less on a page than asked.
  server.account.mostItemsOnPage = 2;
  bench = await dekBench(server, { readLagMs: 0 });
  notes = await copyNotes(NOTES);
  server.clearRequests();
});

afterEach(() => {
  server.clearScript();
});

/** Another process with these MEKs, over a client of its own. */
function processWith(...[current, ...previous]: readonly [MekName, ...MekName[]]): FieldEncryptor {
  const { id, database } = bench.other;
  const container = server.client().database(database.id).container(id);
  return createFieldEncryptor({
    product: PRODUCT,
    keyProviders: [envKeys(current, ...previous)],
    dekStore: new CosmosDekStore(container, { clock: bench.clock, readLagMs: 0 }),
    clock: new AutoClock(),
  });
}

/** Notes of some process with the MEK `a`, and its rows put into the container as they are. */
async function copyNotes(count: number): Promise<readonly Loose[]> {
  const { encryptor, memory } = setup({ keyProviders: [envKeys('a')] });
  const ids = Array.from({ length: count }, (_each, index) => `note-${String(index)}`);
  const written = await Promise.all(
    ids.map((id) => encryptAny(encryptor, { ...KEY, id, body: `of ${id}` })),
  );
  const { items } = await memory.list({ product: PRODUCT });
  const record = await memory.getRotation(PRODUCT);
  const values = [...items, record].map((item) => item?.value as Loose);
  await Promise.all(values.map((value) => bench.other.items.create({ ...value })));
  return written;
}

interface Run {
  readonly events: readonly RewrapEvent[];
  readonly summary: RewrapSummary;
}

async function rotate(
  onEvent: (event: RewrapEvent) => Promise<unknown> = () => Promise.resolve(),
): Promise<Run> {
  const events: RewrapEvent[] = [];
  const target = { mekVersion: await versionOf('b') };
  for await (const event of rewrapAllDeks(processWith('b', 'a'), { target, concurrency: 2 })) {
    events.push(event);
    await onEvent(event);
  }
  const last = events.at(-1);
  if (last?.type !== 'finished') throw new Error('The last event is not "finished"');
  return { events, summary: last.summary };
}

/** Before the first row is read. */
function onFirstPass(work: () => unknown): (event: RewrapEvent) => Promise<unknown> {
  return async (event) => {
    if (event.type === 'pass' && event.pass === 1) await work();
  };
}

async function storedRows(): Promise<readonly DekRow[]> {
  const query = "SELECT * FROM c WHERE c.type = 'dek'";
  const { resources } = await bench.other.items.query<DekRow>(query).fetchAll();
  return resources;
}

/** As an operator asks on the raw container. */
async function countOnOtherVersions(): Promise<number> {
  const query = `SELECT VALUE COUNT(1) FROM c WHERE c.mekVersion != "${await versionOf('b')}"`;
  const { resources } = await bench.other.items.query<number>(query).fetchAll();
  return resources[0] ?? NaN;
}

async function expectAllReadable(): Promise<void> {
  const reader = processWith('b', 'a');
  for (const stored of notes) {
    const { body } = await decryptAny(reader, stored);
    expect(body).toBe(`of ${String(stored['id'])}`);
  }
}

describe('documents over a Cosmos store', () => {
  it('are encrypted by one look at the scope and one create each, once there is a record', async () => {
    const encryptor = processWith('a');
    const stored = await encryptAny(encryptor, { ...KEY, id: 'new', body: 'x' });
    server.clearRequests();
    const other = await encryptAny(encryptor, { ...KEY, id: 'newer', body: 'y' });
    expect(server.requests.map(({ kind }) => kind).sort()).toEqual([
      'create',
      'query',
      'query-plan',
    ]);
    expect((await decryptAny(processWith('a'), stored))['body']).toBe('x');
    expect((await decryptAny(processWith('a'), other))['body']).toBe('y');
  });

  it('are decrypted, each DEK by one read', async () => {
    await expectAllReadable();
    expect(server.count('read', 'query')).toBe(NOTES);
    expect(server.count('create', 'replace')).toBe(0);
  });

  it.runIf(isSlow)('are decrypted a hundred at once after one query for their DEKs', async () => {
    server.account.mostItemsOnPage = Infinity;
    bench = await dekBench(server);
    const stored = await copyNotes(100);
    server.clearRequests();
    const opened = await processWith('a').decryptDocuments(note, stored as never);
    expect(opened.filter(({ ok }) => ok)).toHaveLength(100);
    expect(server.count('query')).toBe(1);
    expect(server.count('read', 'create', 'replace')).toBe(0);
  });
});

describe('a rotation over a Cosmos store', () => {
  it('moves every row, and the operator’s own query finds none left', async () => {
    const { summary, events } = await rotate();
    expect(summary).toMatchObject({ complete: true, changed: NOTES, failed: 0 });
    expect(await countOnOtherVersions()).toBe(0);
    for (const stored of notes) {
      expect((await decryptAny(processWith('b'), stored))['body']).toBe(
        `of ${String(stored['id'])}`,
      );
    }
    const charges = events.map(({ requestCharge = 0 }) => requestCharge);
    expect(summary.requestCharge).toBe(charges.reduce((total, charge) => total + charge, 0));
    expect(summary.requestCharge).toBeGreaterThan(10 * NOTES);
  });

  it('writes nothing when it is run again', async () => {
    await rotate();
    server.clearRequests();
    const { summary } = await rotate();
    expect(summary).toMatchObject({ complete: true, changed: 0, unchanged: NOTES });
    expect(server.count('create', 'replace', 'delete')).toBe(0);
  });

  it.runIf(isSlow)('is shared by workers with a shard each', async () => {
    server.account.mostItemsOnPage = Infinity;
    bench = await dekBench(server, { readLagMs: 0 });
    notes = await copyNotes(24);
    const target = { mekVersion: await versionOf('b') };
    const shards = [0, 1, 2].map((index) => ({ index, count: 3 }));
    const summaries = await Promise.all(
      shards.map(async (shard) => {
        const rewrapping = rewrapAllDeks(processWith('b', 'a'), { target, shard });
        for await (const event of rewrapping) if (event.type === 'finished') return event.summary;
        throw new Error('The last event is not "finished"');
      }),
    );
    expect(summaries.map(({ complete, failed }) => [complete, failed])).toEqual([
      [true, 0],
      [true, 0],
      [true, 0],
    ]);
    expect(await countOnOtherVersions()).toBe(0);
    expect((await storedRows()).every(({ epoch }) => epoch === 2)).toBe(true);
    await expectAllReadable();
  });

  it('waits longer where the account’s reads lag: a fence and twice the lag', async () => {
    const dekStore = new CosmosDekStore(bench.container, { readLagMs: 7_000, clock: bench.clock });
    const [keyProviders, clock] = [[envKeys('b', 'a')], new AutoClock()];
    const startedMs = clock.monotonicMs();
    const target = { mekVersion: await versionOf('b') };
    const encryption = { product: PRODUCT, keyProviders, dekStore, clock };
    let fencedMs = NaN;
    for await (const event of rewrapAllDeks(encryption, { target })) {
      if (event.type === 'pass' && event.pass === 1) fencedMs = clock.monotonicMs() - startedMs;
    }
    expect(fencedMs).toBe(30_000 + 14_000);
  });
});

describe('a rotation ends complete, with nothing failed, although', () => {
  const overtake = async () => {
    const [row] = await storedRows();
    await bench.other.items.upsert({ ...row });
  };

  const faults: readonly (readonly [string, CosmosFault])[] = [
    ['someone else writes a row first (412)', { on: 'replace', meanwhile: overtake }],
    ['the answer to a replace is lost by a reset', { on: 'replace', resetAfter: true }],
    ['every other replace is reset', { on: 'replace', resetAfter: true, times: 4 }],
    ['a replace is answered 408', { on: 'replace', applied: true, status: 408 }],
    ['a replace is answered 410', { on: 'replace', status: 410 }],
    ['a replace is answered 449', { on: 'replace', status: 449 }],
    ['a replace is answered 503', { on: 'replace', applied: true, status: 503 }],
    ['a replace is throttled', { on: 'replace', status: 429, retryAfterMs: 1, times: 5 }],
    ['a read is answered 404/1002', { on: 'read', status: 404, substatus: 1002 }],
    ['a read is from a replica that lags', { on: 'read', stale: true }],
    ['a page is from a replica that lags', { on: 'query', stale: true, skip: 2 }],
    ['a row comes in two pages', { on: 'query', repeatInNextPage: true, times: Infinity }],
    ['a page holds no items', { on: 'query', emptyPage: true, skip: 2 }],
  ];

  it.each(someOf(faults, 3))('%s', async (_name, fault) => {
    const { summary } = await rotate(
      onFirstPass(() => {
        server.script(fault);
      }),
    );
    expect(server.requests.some(({ faulted }) => faulted)).toBe(true);
    expect(summary).toMatchObject({ complete: true, failed: 0 });
    expect(await countOnOtherVersions()).toBe(0);
    await expectAllReadable();
  });

  it('rows are created behind where a scan stands, under the old version', async () => {
    let areLate = false;
    const { summary } = await rotate(async (event) => {
      if (areLate || event.type !== 'changed' || event.counts.scanned < NOTES - 1) return;
      areLate = true;
      // What writers leave behind who were cut off; one row for each of the two partitions.
      for (const id of ['late-1', 'late-2']) await createOldRow(id);
    });
    expect(areLate).toBe(true);
    expect(summary).toMatchObject({ complete: true, failed: 0, changed: NOTES + 2 });
    expect(await countOnOtherVersions()).toBe(0);
  });

  async function createOldRow(id: string): Promise<void> {
    const keyProvider = envKeys('a');
    const mekVersion = await keyProvider.currentVersion();
    const parts = ['notes', KEY.workspaceId, id];
    const row = await activeRow({
      parts,
      generation: 1,
      dek: randomBytes(32),
      keyProvider,
      mekVersion,
    });
    await bench.other.items.create({ ...row });
  }

  it('a row is deleted while it is being moved (404)', async () => {
    const gone = (await storedRows()).at(-1);
    const deleteRow = () => bench.other.item(gone?.id ?? '', gone?.scopeId).delete();
    const isReplaceOfIt: CosmosFault['on'] = ({ kind, id }) =>
      kind === 'replace' && id === gone?.id;
    server.script({ on: isReplaceOfIt, meanwhile: deleteRow });
    const { summary, events } = await rotate();
    expect(summary).toMatchObject({ complete: true, failed: 0, changed: NOTES - 1 });
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'skipped', reason: 'removed', dekId: gone?.id }),
    );
    expect(await storedRows()).toHaveLength(NOTES - 1);
  });
});

describe('a rotation that Cosmos DB stops', () => {
  async function expectFinishedByRerun(): Promise<void> {
    server.clearScript();
    expect((await rotate()).summary).toMatchObject({ complete: true, failed: 0 });
    expect(await countOnOtherVersions()).toBe(0);
    await expectAllReadable();
  }

  it('by throttling every write forever names each row, changes none, and continues in a rerun', async () => {
    const before = await storedRows();
    const { summary, events } = await rotate(
      onFirstPass(() => {
        server.script({ on: 'replace', status: 429, retryAfterMs: 1, times: Infinity });
      }),
    );
    expect(summary).toMatchObject({ complete: false, failed: NOTES });
    const failed = events.filter((event) => event.type === 'failed');
    expect(new Set(failed.map(({ dekId }) => dekId))).toEqual(new Set(before.map(({ id }) => id)));
    expect(failed[0]?.error).toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
    expect(await storedRows()).toEqual(before);
    await expectFinishedByRerun();
  });

  it.each(
    someOf([
      [
        'by throttling every query forever',
        { on: 'query', status: 429, times: Infinity },
        'STORE_UNAVAILABLE',
      ],
      ['by refusing a continuation (400)', { on: continued, status: 400 }, 'STORE_FAILED'],
      [
        'by a partition split that its continuation does not survive (410)',
        { on: continued, status: 410, times: Infinity },
        'STORE_FAILED',
      ],
      ['by taking the role away', { status: 403, times: Infinity }, 'STORE_FAILED'],
    ] satisfies (readonly [string, CosmosFault, string])[]),
  )('%s says so, and goes on in a rerun', async (_name, fault, code) => {
    const rotation = rotate(
      onFirstPass(() => {
        server.script(fault);
      }),
    );
    expect(await failure(rotation)).toMatchObject({ name: 'StoreError', code });
    server.clearScript();
    await expectAllReadable();
    await expectFinishedByRerun();
  });

  function continued({
    kind,
    continuation,
  }: {
    readonly kind: string;
    readonly continuation?: string;
  }): boolean {
    return kind === 'query' && continuation !== undefined;
  }

  it('by losing the container says so', async () => {
    bench.clock.advance(60_000);
    const rotation = rotate(onFirstPass(() => bench.other.delete()));
    expect(await failure(rotation)).toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining('create it with ensureDekContainer()') as string,
    });
  });

  it('by a restore of the store as it was before writes over nothing, and goes on in a rerun', async () => {
    const backup = await everyItem();
    let rewrapped = 0;
    const rotation = rotate(async ({ type }) => {
      if (type === 'changed' && (rewrapped += 1) === 3) await restore(backup);
    });
    expect(await failure(rotation)).toMatchObject({ name: 'FieldEncryptionError' });
    expect((await everyItem()).map(contentOf)).toEqual(backup.map(contentOf));
    await expectAllReadable();
    await expectFinishedByRerun();
  });

  type Item = Readonly<Record<string, unknown>> & { readonly id: string; readonly scopeId: string };

  async function everyItem(): Promise<readonly Item[]> {
    const { resources } = await bench.other.items.query<Item>('SELECT * FROM c').fetchAll();
    return [...resources].sort((one, other) =>
      one.id + one.scopeId < other.id + other.scopeId ? -1 : 1,
    );
  }

  function contentOf(item: Item): unknown {
    return Object.fromEntries(Object.entries(item).filter(([name]) => !name.startsWith('_')));
  }

  async function restore(backup: readonly Item[]): Promise<void> {
    for (const { id, scopeId } of await everyItem()) await bench.other.item(id, scopeId).delete();
    for (const item of backup) await bench.other.items.create({ ...item });
  }
});
