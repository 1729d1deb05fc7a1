import { getEventListeners } from 'node:events';
import Database from 'libsql';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { CosmosDocumentStore } from '../../../src/azure/cosmos/index.js';
import {
  createFieldEncryptor,
  EnvKeyProvider,
  StoreError,
  type DocumentStore,
  type FieldEncryptor,
  type UpdateDocumentOptions,
} from '../../../src/index.js';
import { SqliteDocumentStore } from '../../../src/sqlite/index.js';
import { MemoryDekStore, MemoryDocumentStore } from '../../../src/testing/index.js';
import { CosmosServer } from '../../support/azure/cosmos-server.js';
import { deferred, turn } from '../../support/deferred.js';
import { KEY, MEK_HEX, note, PRODUCT, setup, type Loose } from '../../support/encryptor.js';
import { failure, rejection } from '../../support/failure.js';
import { Random } from '../../simulation/random.js';
import { probed } from '../../support/probe.js';
import {
  passing,
  update,
  writing,
  type AnyChange,
  type Change,
  type Writing,
} from '../../support/writing.js';

const server = await CosmosServer.start();
afterAll(() => server.stop());

const WRITERS = 50;
const count: Change = (stored) => ({ ...stored, edits: Number(stored?.['edits']) + 1 });
const start: Change = () => ({ ...KEY, body: 'x', edits: 0 });

async function editsIn({ notes }: Writing): Promise<unknown> {
  return (await notes.get(KEY))?.document['edits'];
}

function failuresIn(outcomes: readonly PromiseSettledResult<unknown>[]): unknown[] {
  const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
  return failed.map(({ reason }): unknown => reason);
}

/** Without letting time pass. */
function begin(
  { made, store }: Writing,
  change: AnyChange,
  options: UpdateDocumentOptions = {},
): Promise<unknown> {
  return made.encryptor.updateDocument(note, store as never, KEY, change as never, options);
}

describe('fifty calls of updateDocument on one document', () => {
  const stores: Readonly<Record<string, () => Promise<DocumentStore>>> = {
    memory: () => Promise.resolve(new MemoryDocumentStore({ key: note.key })),
    SQLite: () => {
      const database = new Database(':memory:');
      return Promise.resolve(new SqliteDocumentStore(database, { table: 'notes', key: note.key }));
    },
    'Cosmos DB': async () => {
      const container = await server.container({ partitionKeyPath: '/workspaceId' });
      return new CosmosDocumentStore(container, { partitionKey: 'workspaceId' });
    },
  };

  it.each(Object.keys(stores))('all land, and each is made once (%s)', async (name) => {
    const store = (await stores[name]?.()) as DocumentStore;
    const dekStore = new MemoryDekStore();
    const encryptors = Array.from({ length: 2 }, () =>
      createFieldEncryptor({
        product: PRODUCT,
        keyProviders: [new EnvKeyProvider({ key: MEK_HEX })],
        dekStore,
      }),
    );
    let calls = 0;
    const counted: Change = (stored) => {
      calls += 1;
      return count(stored);
    };
    const change = (encryptor: FieldEncryptor, each: Change): Promise<unknown> =>
      encryptor.updateDocument(note, store as never, KEY, each as never);
    await change(encryptors[0] as FieldEncryptor, start);
    const work = Array.from({ length: WRITERS / 2 }, () =>
      encryptors.map((encryptor) => change(encryptor, counted)),
    );
    const outcomes = await Promise.allSettled(work.flat());
    expect(failuresIn(outcomes)).toEqual([]);
    expect((await store.get(KEY))?.document['edits']).toBe(WRITERS);
    // In one process they take turns: none of them loses a race.
    expect(calls).toBe(WRITERS);
  });

  it('all land from fifty processes, which share only the store', async () => {
    const made = setup();
    const { clock } = made;
    const random = new Random(7);
    vi.spyOn(clock, 'jitter').mockImplementation(() => random.next());
    const notes = new MemoryDocumentStore({ key: note.key });
    const processes = Array.from({ length: WRITERS }, (): Writing => {
      const [store, probe] = probed<DocumentStore>(notes);
      // Each request takes a while, so that others come in between.
      probe.before = () => clock.sleep(5);
      return { made: setup({ beside: made }), notes, store, probe };
    });
    await update({ ...(processes[0] as Writing), store: notes }, start);
    const outcomes = await passing(
      clock,
      Promise.allSettled(processes.map((each) => begin(each, count))),
    );
    expect(failuresIn(outcomes)).toEqual([]);
    expect(await editsIn(processes[0] as Writing)).toBe(WRITERS);
  });
});

describe('the pauses between attempts', () => {
  it('are random, and longer and longer up to a second', async () => {
    const all = writing();
    await update(all, start);
    all.probe.before = (method) => {
      if (method === 'replace') throw new StoreError('ETAG_MISMATCH', 'changed');
    };
    const naps: number[] = [];
    const { clock, encryptor } = all.made;
    const [jitters, jitter] = [[0, 0.25, 0.75, 0.999], vi.spyOn(clock, 'jitter')];
    jitter.mockImplementation(() => jitters[naps.length % jitters.length] ?? 0);
    vi.spyOn(clock, 'sleep').mockImplementation((durationMs) => {
      naps.push(durationMs);
      return Promise.resolve();
    });
    const options = { attempts: 10 };
    const work = encryptor.updateDocument(note, all.store as never, KEY, count as never, options);
    expect(await failure(work)).toMatchObject({ code: 'CONTENDED' });
    const most = [10, 20, 40, 80, 160, 320, 640, 1_000, 1_000];
    expect(naps).toEqual(most.map((ms, index) => ms * (jitters[index % jitters.length] ?? 0)));
  });

  it('end with the signal, and nothing is written after it', async () => {
    const all = writing();
    await update(all, start);
    all.probe.before = (method) => {
      if (method === 'replace') throw new StoreError('ETAG_MISMATCH', 'changed');
    };
    const controller = new AbortController();
    const work = begin(all, count, { signal: controller.signal });
    await turn();
    expect(all.made.clock.sleeping).toBe(1);
    all.probe.before = () => undefined;
    controller.abort(new Error('enough'));
    expect(await rejection(work)).toBe(controller.signal.reason);
    expect(all.made.clock.sleeping).toBe(0);
    expect(await editsIn(all)).toBe(0);
  });
});

describe('a call of updateDocument that waits for its turn', () => {
  it('ends with its signal, and neither its change nor the turns of others suffer', async () => {
    const [all, gate] = [writing(), deferred()];
    await update(all, start);
    all.probe.before = (method) => (method === 'replace' ? gate.promise : undefined);
    const controller = new AbortController();
    const changes: string[] = [];
    const named = (name: string): Change => {
      return (stored) => {
        changes.push(name);
        return count(stored);
      };
    };
    const first = begin(all, named('first'));
    const second = begin(all, named('second'), { signal: controller.signal });
    const third = begin(all, named('third'));
    controller.abort(new Error('enough'));
    expect(await rejection(second)).toBe(controller.signal.reason);
    gate.resolve();
    await Promise.all([first, third]);
    expect(changes).toEqual(['first', 'third']);
    expect(await editsIn(all)).toBe(2);
    expect(all.made.clock.sleeping).toBe(0);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });

  it('goes on where the one before it failed', async () => {
    const all = writing();
    await update(all, start);
    const wrong = new Error('no such edit');
    const failing: Change = () => {
      throw wrong;
    };
    const [one, two, three] = await Promise.allSettled(
      [failing, count, failing].map((change) => begin(all, change)),
    );
    expect(one).toMatchObject({ reason: wrong });
    expect(two?.status).toBe('fulfilled');
    expect(three).toMatchObject({ reason: wrong });
    expect(await editsIn(all)).toBe(1);
    await begin(all, count);
    expect(await editsIn(all)).toBe(2);
  });

  it('goes ahead after ten seconds, whatever the one before it waits for', async () => {
    const all = writing();
    await update(all, start);
    all.probe.before = () => new Promise(() => undefined);
    const stuck = vi.fn();
    void begin(all, count).finally(stuck);
    await turn();
    all.probe.before = () => undefined;
    const waiting = [begin(all, count), begin(all, count)];
    await all.made.clock.run(9_999);
    expect(await editsIn(all)).toBe(0);
    await all.made.clock.run(2_000);
    await Promise.all(waiting);
    expect(await editsIn(all)).toBe(2);
    expect(stuck).not.toHaveBeenCalled();
  });

  it('waits for none that changes another document, or the same one in another store', async () => {
    const [all, elsewhere] = [writing(), writing()];
    const other = { ...KEY, id: 'note-2' };
    all.probe.before = () => new Promise(() => undefined);
    void begin(all, start);
    await turn();
    all.probe.before = () => undefined;
    const { encryptor } = all.made;
    const change = (): never => ({ ...other, body: 'x' }) as never;
    await encryptor.updateDocument(note, all.store as never, other, change);
    await begin(elsewhere, start);
    expect([await all.notes.count(), await elsewhere.notes.count()]).toEqual([1, 1]);
  });
});

describe('a change function', () => {
  it('may wait for another change of the same document', async () => {
    const all = writing();
    await update(all, start);
    let isFirst = true;
    const nested = async (stored: Loose | undefined): Promise<Loose | undefined> => {
      if (isFirst) await update(all, count);
      isFirst = false;
      return count(stored);
    };
    await update(all, nested);
    expect(await editsIn(all)).toBe(2);
    expect(all.made.clock.monotonicMs()).toBeLessThan(1_000);
  });

  it('may wait for another document, whose change waits for this one', async () => {
    const all = writing();
    await update(all, start);
    const other = { ...KEY, id: 'note-2' };
    const { encryptor, clock } = all.made;
    let isFirst = true;
    const otherWaits = async (stored: Loose | undefined): Promise<Loose | undefined> => {
      await begin(all, count);
      return { ...other, body: 'y', ...stored };
    };
    const waits = async (stored: Loose | undefined): Promise<Loose | undefined> => {
      const change = otherWaits as never;
      if (isFirst) await encryptor.updateDocument(note, all.store as never, other, change);
      isFirst = false;
      return count(stored);
    };
    await passing(clock, begin(all, waits));
    expect(await editsIn(all)).toBe(2);
    expect(await all.notes.count()).toBe(2);
    expect(clock.monotonicMs()).toBeLessThan(1_000);
  });
});

it.each([
  [0, 'RangeError: "attempts" expected an integer from 1 to 1000, got 0'],
  [1_001, 'RangeError: "attempts" expected an integer from 1 to 1000, got 1001'],
  ['3', 'TypeError: "attempts" expected an integer from 1 to 1000, got a string'],
])('updateDocument refuses %s attempts', async (attempts, message) => {
  const all = writing();
  const { name, message: text } = await failure(begin(all, start, { attempts: attempts as 3 }));
  expect(`${name}: ${text}`).toBe(message);
  expect(all.probe.calls).toEqual({});
});
