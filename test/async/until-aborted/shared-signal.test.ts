import { getEventListeners } from 'node:events';
import Database from 'libsql';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  countPlaintext,
  findOrphanDeks,
  findUnreadableRows,
  systemClock,
  takeCensus,
} from '../../../src/index.js';
import { withDeadline, untilAborted } from '../../../src/async/abort.js';
import { SqliteDocumentStore } from '../../../src/sqlite/index.js';
import { ManualClock } from '../../../src/testing/index.js';
import { VaultWorld } from '../../azure/key-vault/vault-world.js';
import { LockedFile } from '../../sqlite/locked-file.js';
import { CosmosServer } from '../../support/azure/cosmos-server.js';
import { documentBench } from '../../support/azure/cosmos/cosmos-bench.js';
import { turn } from '../../support/deferred.js';
import { encryptAny, KEY, note, setup, type Loose, type Setup } from '../../support/encryptor.js';
import { rejection } from '../../support/failure.js';
import { addPlain, backfill, notes } from '../../support/migrations.js';
import type { Probe } from '../../support/probe.js';
import { rewrap, withKeys, writeNotes } from '../../support/rotations.js';
import { writing } from '../../support/writing.js';

const CALLS = 500;
const UPDATES = 100;
const WIDE = 60;
/** More than are under way at once. */
const ITEMS = WIDE + 50;

const server = await CosmosServer.start();
const world = await VaultWorld.start();
afterAll(() => Promise.all([server.stop(), world.stop()]));

let controller: AbortController;
let signal: AbortSignal;
let warnings: string[];

function keepWarning({ name, message }: Error): void {
  if (name === 'MaxListenersExceededWarning') warnings.push(message);
}

beforeEach(() => {
  controller = new AbortController();
  ({ signal } = controller);
  warnings = [];
  process.on('warning', keepWarning);
});

afterEach(async () => {
  // Warnings are emitted in a later turn than the one that gave rise to them.
  await turn();
  process.off('warning', keepWarning);
  server.clearScript();
  world.reset();
  expect(warnings).toEqual([]);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

function times<T>(count: number, work: (index: number) => Promise<T>): Promise<T>[] {
  return Array.from({ length: count }, (_, index) => work(index));
}

/** What everybody fails with once the signal has aborted: its reason. */
async function expectAllAborted(work: readonly Promise<unknown>[]): Promise<void> {
  const outcomes = Promise.allSettled(work);
  await turn();
  controller.abort(new Error('enough'));
  const reasons = (await outcomes).map(
    (outcome): unknown => outcome.status === 'rejected' && outcome.reason,
  );
  expect([...new Set(reasons)]).toEqual([signal.reason]);
}

/** As an adapter does that hands the signal of each call to something that listens to it. */
function listening(probe: Probe): void {
  probe.before = async (_method, args) => {
    const { signal: own } = (args.at(-1) ?? {}) as { signal?: AbortSignal };
    if (!(own instanceof AbortSignal)) return;
    await systemClock.sleep(0);
    await new Promise<void>((resolve) => {
      const listener = (): void => undefined;
      own.addEventListener('abort', listener);
      setImmediate(() => {
        own.removeEventListener('abort', listener);
        resolve();
      });
    });
  };
}

async function toTheEnd(run: AsyncGenerator): Promise<void> {
  while (!(await run.next()).done);
}

describe('one signal for hundreds of calls at once', () => {
  it('of a clock', async () => {
    await expectAllAborted(times(CALLS, () => systemClock.sleep(60_000, signal)));
  });

  it('of a manual clock', async () => {
    const clock = new ManualClock();
    await expectAllAborted(times(CALLS, () => clock.sleep(60_000, signal)));
    expect(clock.sleeping).toBe(0);
  });

  it('that wait for shared work', async () => {
    const work = new Promise<void>(() => undefined);
    await expectAllAborted(times(CALLS, () => untilAborted(work, signal)));
  });

  it('that have a deadline', async () => {
    const work = (): Promise<void> => new Promise(() => undefined);
    await expectAllAborted(times(CALLS, () => withDeadline(work, 60_000, signal)));
  });

  it('of updateDocument, of many documents and of one', async () => {
    const all = writing();
    listening(all.probe);
    const { encryptor } = all.made;
    const update = (id: string): Promise<unknown> => {
      const change = (stored?: Loose): never =>
        ({ ...KEY, id, body: 'x', ...stored, edits: Number(stored?.['edits'] ?? 0) + 1 }) as never;
      const key = { ...KEY, id };
      return encryptor.updateDocument(note, all.store as never, key, change, { signal });
    };
    const nameOf = (index: number): string => (index % 5 === 0 ? 'hot' : `n-${String(index)}`);
    await Promise.all(times(UPDATES, (index) => update(nameOf(index))));
    const hot = await all.notes.get({ ...KEY, id: 'hot' });
    expect(hot?.document['edits']).toBe(UPDATES / 5);
  });

  it('of decryptDocuments', async () => {
    const made = setup();
    const [document] = await writeNotes(made, 1);
    const { encryptor } = setup({ beside: made });
    await Promise.all(
      times(CALLS, () => encryptor.decryptDocuments(note, [document as never], { signal })),
    );
  });
});

describe(`one signal for a run with a concurrency of ${String(WIDE)}`, () => {
  const options = (): object => ({ signal, concurrency: WIDE });

  async function manyRows(): Promise<Setup> {
    const made = setup();
    await writeNotes(made, ITEMS);
    return made;
  }

  it.each([{}, { maxVaultOpsPerSecond: 2_000 }])('over DEK rows %o', async (budget) => {
    const made = await manyRows();
    const operator = withKeys(made, ['b', 'a']);
    listening(operator.store);
    listening(operator.provider);
    const { summary } = await rewrap(operator, { ...options(), ...budget });
    expect(summary).toMatchObject({ complete: true, changed: ITEMS });
  });

  it('over documents', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, ITEMS);
    listening(made.store);
    listening(collection.probe);
    expect((await backfill(made, collection, options())).summary.complete).toBe(true);
  });

  it('that only looks', async () => {
    const [made, collection] = [await manyRows(), notes()];
    listening(made.store);
    listening(collection.probe);
    await takeCensus(made.encryptor, { signal });
    await countPlaintext(note, collection.store, { signal });
    await toTheEnd(findUnreadableRows(made.encryptor, { signal }));
    const orphans = findOrphanDeks(made.encryptor, note, collection.store, options());
    await toTheEnd(orphans);
  });
});

describe('one signal for many requests at once', () => {
  it('to Cosmos DB, some of which are sent again', async () => {
    const { store } = await documentBench(server);
    await store.create({ ...KEY, body: 'x' });
    server.script({ on: 'read', status: 449, times: 4 });
    await Promise.all(times(WIDE, () => store.get(KEY, { signal })));
    server.script({ on: 'read', hang: true, times: WIDE });
    await expectAllAborted(times(WIDE, () => store.get(KEY, { signal })));
  });

  it('to a key vault, some of which are sent again', async () => {
    const { provider, wrap } = await world.warm();
    world.server.script({ on: 'unwrapKey', status: 503, times: 5 });
    await Promise.all(times(WIDE, () => provider.unwrapKey(wrap, { signal })));
    await Promise.all(times(WIDE, () => provider.currentVersion({ signal })));
  });

  it('to a SQLite file that is locked', async () => {
    const file = new LockedFile();
    try {
      const store = new SqliteDocumentStore(new Database(file.path), {
        table: 'notes',
        key: note.key,
      });
      await store.count();
      const letGo = await file.lock();
      const id = (index: number): string => `n-${String(index)}`;
      const work = times(WIDE, (index) => store.create({ ...KEY, id: id(index) }, { signal }));
      await expectAllAborted(work);
      await letGo();
      expect(await store.count()).toBe(0);
    } finally {
      await file.remove();
    }
  });
});

describe('a signal', () => {
  it('that has aborted already ends a call before it begins', async () => {
    const aborted = AbortSignal.abort(new Error('enough'));
    const work = [
      untilAborted(new Promise(() => undefined), aborted),
      systemClock.sleep(1, aborted),
      withDeadline(() => Promise.resolve(), 1_000, aborted),
    ];
    for (const each of work) expect(await rejection(each)).toBe(aborted.reason);
  });

  it('of another implementation is listened to as well', async () => {
    const listeners = new Set<() => void>();
    const foreign = {
      aborted: false,
      reason: new Error('enough'),
      throwIfAborted: () => undefined,
      addEventListener: (_type: string, listener: () => void) => listeners.add(listener),
      removeEventListener: (_type: string, listener: () => void) => listeners.delete(listener),
    };
    const waiting = untilAborted(new Promise(() => undefined), foreign as never);
    for (const listener of listeners) listener();
    expect(await rejection(waiting)).toBe(foreign.reason);
  });

  it('ends a document that is being read', async () => {
    const made = setup();
    const document = await encryptAny(made.encryptor, { ...KEY, body: 'x' });
    const reader = setup({ beside: made });
    reader.store.before = () => new Promise(() => undefined);
    const reading = reader.encryptor.decryptDocuments(note, [document as never], { signal });
    await expectAllAborted([reading]);
  });
});
