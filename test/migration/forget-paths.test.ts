import { describe, expect, it } from 'vitest';
import { forgetPaths, registerDefinitions, StoreError } from '../../src/index.js';
import {
  beside,
  defined,
  definitionIn,
  pathsIn,
  registered,
} from '../support/definition-records.js';
import { encryptAny, KEY, setup, type Setup, type SetupOptions } from '../support/encryptor.js';
import { failure, refused } from '../support/failure.js';
import {
  eventsOf,
  migrate,
  migrateUntil,
  notes,
  put,
  type Migrated,
  type Migration,
  type Notes,
} from '../support/migrations.js';
import { RECORD_KEY, RECORD_KEY_ID } from '../support/records.js';

/** What all processes declare by now. */
const CURRENT = defined(['body', 'title', 'mood'], {
  stages: { mood: 'opening', title: 'sealing' },
  former: ['tags[]', 'titel'],
});
const BEFORE = defined(['body', 'mood', 'tags[]', 'titel']);

type Options = Parameters<typeof forgetPaths>[3];

function run({ encryptor, clock }: Setup, { store }: Notes, options?: Options): Promise<Migrated> {
  return migrate(forgetPaths(encryptor, CURRENT, store, options), clock);
}

/** All documents are sealed under the definition of now, and the record has the paths of before too. */
async function world(options: SetupOptions = {}): Promise<readonly [Setup, Notes]> {
  const [made, collection] = [setup(options), notes()];
  await registerDefinitions(made.encryptor, [BEFORE]);
  const process = beside(made, options);
  await registerDefinitions(process.encryptor, [CURRENT]);
  for (const id of ['1', '2', '3']) {
    const plain = { ...KEY, id, body: 'b', title: 't' };
    const sealed = await encryptAny(process.encryptor, plain, CURRENT);
    await put(collection, { ...sealed, mood: 'in clear' });
  }
  process.store.reset();
  return [process, collection];
}

/** A document as an earlier version has left it. */
async function left(made: Setup, collection: Notes, id: string, part: object): Promise<void> {
  await put(collection, await encryptAny(made.encryptor, { ...KEY, id, ...part }, BEFORE));
}

const unsealed = (path: string, forgotten = true): object => ({ path, envelopes: 0, forgotten });

describe('forgetPaths', () => {
  it('takes out what nothing is sealed under, after a wait and two whole scans', async () => {
    const [made, collection] = await world();
    const contents = await collection.memory.list();
    const { events, summary } = await run(made, collection);
    expect(summary).toMatchObject({
      ...{ run: 'forgetPaths', collection: 'notes', complete: true, passes: 2 },
      ...{ scanned: 3, unchanged: 3, changed: 0, failed: 0 },
      paths: ['mood', 'tags[]', 'titel'].map((path) => unsealed(path)),
    });
    const order = events.map(({ type }) => type);
    expect([...new Set(order)]).toEqual([
      'begun',
      'fence',
      'pass',
      'unchanged',
      'passed',
      'finished',
    ]);
    expect(eventsOf({ events }, 'pass').map(({ purpose }) => purpose)).toEqual([
      'change',
      'verify',
    ]);
    expect(eventsOf({ events }, 'fence')[0]).toMatchObject({ remainingMs: 30_000 });
    expect(await pathsIn(made)).toEqual(['body', 'title']);
    expect(await collection.memory.list()).toEqual(contents);
    await registerDefinitions(beside(made).encryptor, [defined(['body', 'title'])]);
  });

  it('scans nothing where nothing is left to forget', async () => {
    const [made, collection] = await world();
    await run(made, collection);
    collection.probe.reset();
    const { summary } = await run(made, collection);
    expect(summary).toMatchObject({ complete: true, passes: 0, scanned: 0, paths: [] });
    expect(collection.probe.calls).toEqual({});
    const empty = await run(setup(), notes(), { allowEmpty: true });
    expect(empty.summary).toMatchObject({ complete: true, paths: [] });
  });

  it('waits for reads that lag, before and after the fence', async () => {
    const [made, collection] = await world();
    const lagging = beside(made, {
      dekStore: Object.assign(Object.create(made.dekStore), {
        readLagMs: () => Promise.resolve(2_000),
      }) as never,
    });
    const { events } = await run(lagging, collection);
    expect(eventsOf({ events }, 'fence')[0]).toMatchObject({ remainingMs: 34_000 });
  });

  it('writes the record with its mac', async () => {
    const [made, collection] = await world({ recordKey: RECORD_KEY });
    expect((await run(made, collection)).summary).toMatchObject({ complete: true });
    expect(await definitionIn(made)).toMatchObject({
      ...{ paths: ['body', 'title'], macKeyId: RECORD_KEY_ID },
    });
  });
});

describe('a path under which something is sealed', () => {
  it.each([
    ['titel', { titel: 'a title' }, 1],
    ['tags[]', { tags: ['x', 'y'] }, 2],
    ['mood', { mood: 'in stage opening' }, 1],
  ])('stays, and is reported: %s', async (path, part, envelopes) => {
    const [made, collection] = await world();
    await left(made, collection, '2', part);
    const migrated = await run(made, collection, { maxFailures: 1 });
    expect(migrated.summary).toMatchObject({
      ...{ complete: false, passes: 2, failed: 1, unchanged: 2 },
      failures: { DEFINITION_MISMATCH: { count: 1, example: { ...KEY, id: '2' } } },
      paths: ['mood', 'tags[]', 'titel'].map((each) =>
        each === path ? { path, envelopes, forgotten: false } : unsealed(each),
      ),
    });
    const [failed] = eventsOf(migrated, 'failed');
    expect(failed?.key).toEqual({ ...KEY, id: '2' });
    expect(failed?.error).toMatchObject(
      refused(
        'DEFINITION_MISMATCH',
        `The value at "${path}" is still sealed, and the definition does not seal it there: move the document to the current definition with backfillDocuments, and run forgetPaths again`,
      ),
    );
    expect(await pathsIn(made)).toEqual(['body', path, 'title'].sort());
  });

  it('stays where only the second scan finds it', async () => {
    const [made, collection] = await world();
    let scans = 0;
    collection.probe.before = async (method) => {
      if (method !== 'list' || ++scans !== 2) return;
      await left(made, collection, '9', { titel: 'of a writer that was late' });
    };
    const { summary } = await run(made, collection);
    expect(summary).toMatchObject({ complete: false, passes: 2 });
    expect(await pathsIn(made)).toEqual(['body', 'titel', 'title']);
  });

  it('ends the run after the first scan where nothing else is left to forget', async () => {
    const [made, collection] = await world();
    await left(made, collection, '2', { titel: 'a', tags: ['x'], mood: 'm' });
    const { summary } = await run(made, collection);
    expect(summary).toMatchObject({ complete: false, passes: 1 });
    expect(await pathsIn(made)).toEqual(['body', 'mood', 'tags[]', 'titel', 'title']);
  });

  it('is not one where a value is an envelope of another document, or of no DEK', async () => {
    const [made, collection] = await world();
    const other = await encryptAny(made.encryptor, { ...KEY, id: 'o', titel: 'x' }, BEFORE);
    await put(collection, { ...KEY, id: '2', titel: other['titel'] });
    await put(collection, { ...KEY, id: '3', titel: { _enc: 1, text: 'of a client' } });
    expect((await run(made, collection)).summary).toMatchObject({ complete: true });
  });
});

describe('no path is forgotten', () => {
  it.each([
    ['without a part of its key', { workspaceId: 'ws-1', id: 5 }],
    ['that is no plain object', Object.assign(Object.create({ id: '1' }), { id: '2' })],
  ])('with a document %s', async (_what, document) => {
    const [made, collection] = await world();
    collection.probe.after = (method, result) =>
      method === 'list' ? { items: [{ document: document as object, etag: '"1"' }] } : result;
    const { summary } = await run(made, collection);
    expect(summary).toMatchObject({ complete: false, failed: 1, passes: 1 });
    expect(await pathsIn(made)).toEqual(['body', 'mood', 'tags[]', 'titel', 'title']);
  });

  it('by a dry run, which scans once and needs no lease', async () => {
    const [made, collection] = await world();
    const before = await definitionIn(made);
    const { events, summary } = await run(made, collection, { dryRun: true });
    expect(summary).toMatchObject({
      ...{ complete: false, dryRun: true, passes: 1 },
      paths: ['mood', 'tags[]', 'titel'].map((path) => unsealed(path, false)),
    });
    expect(eventsOf({ events }, 'fence')).toEqual([]);
    expect(await definitionIn(made)).toEqual(before);
    expect(Object.keys(made.store.calls).filter((name) => /^(create|replace)/.test(name))).toEqual(
      [],
    );
  });

  it('with a definition that does not declare what the record has', async () => {
    const [made, collection] = await world();
    const less = defined(['body', 'title'], { former: ['titel'] });
    const migration = forgetPaths(made.encryptor, less, collection.store);
    expect(await failure(migrate(migration, made.clock))).toMatchObject({
      code: 'DEFINITION_MISMATCH',
    });
    expect(collection.probe.calls).toEqual({});
  });

  it('after another run took the lease', async () => {
    const [made, collection] = await world();
    const before = await definitionIn(made);
    const [first, second] = [made, beside(made)].map(({ encryptor }) =>
      forgetPaths(encryptor, CURRENT, collection.store),
    ) as [Migration, Migration];
    await migrateUntil(first, made.clock, 'passed');
    await migrateUntil(first, made.clock, 'passed');
    await migrateUntil(second, made.clock, 'begun');
    expect(await failure(migrate(first, made.clock))).toMatchObject({
      code: 'MIGRATION_SUPERSEDED',
    });
    expect(await definitionIn(made)).toEqual(before);
    await second.return(undefined as never);
  });
});

describe('the write of the record', () => {
  it('keeps paths that another process adds meanwhile', async () => {
    const [made, collection] = await world();
    collection.probe.before = async (method) => {
      collection.probe.before = () => undefined;
      if (method !== 'count') return;
      const newer = defined(['later'], { former: [...BEFORE.fields, 'title'] });
      await registerDefinitions(beside(made).encryptor, [newer]);
    };
    expect((await run(made, collection)).summary).toMatchObject({ complete: true });
    expect(await pathsIn(made)).toEqual(['body', 'later', 'title']);
  });

  it('is recognised where its answer was lost, and fails the run where it failed', async () => {
    const [made, collection] = await world();
    made.store.after = (method, result) => {
      if (method !== 'replaceDefinition') return result;
      throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
    };
    expect((await run(made, collection)).summary).toMatchObject({ complete: true });
    expect(made.store.calls['replaceDefinition']).toBe(1);
    const [failing, others] = await world();
    failing.store.before = (method) => {
      if (method === 'replaceDefinition') throw new StoreError('STORE_UNAVAILABLE', 'no route');
    };
    expect(await failure(run(failing, others))).toMatchObject({ message: 'no route' });
  });
});

describe('what forgetPaths refuses', () => {
  it('is a selection, since it decides on the whole collection', async () => {
    const made = await registered(['body']);
    const options = { select: () => true } as never;
    const { name, message } = await failure(run(made, notes(), options));
    expect([name, message]).toEqual([
      'RangeError',
      expect.stringMatching(/^"select" is no option/),
    ]);
  });

  it('is an encryption context that is off', async () => {
    expect(await failure(run(setup({ enabled: false }), notes()))).toEqual({
      name: 'RangeError',
      message:
        'forgetPaths expected an encryption context with "enabled: true", like its writers, got "enabled: false"',
    });
  });
});
