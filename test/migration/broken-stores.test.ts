import { describe, expect, it } from 'vitest';
import type { DocumentPage, StoredDocumentItem } from '../../src/adapters.js';
import {
  backfillDocuments,
  countPlaintext,
  findMissingDeks,
  reencryptDocuments,
  removeEncryption,
  StoreError,
} from '../../src/index.js';
import { KEY, note, setup, type Loose, type Setup } from '../support/encryptor.js';
import { describeError, failure, refused, type Failure } from '../support/failure.js';
import {
  addPlain,
  backfill,
  eventsOf,
  generationsIn,
  migrate,
  notes,
  put,
  reencrypt,
  sealedNotes,
  statesOf,
  stored,
  type Migration,
  type Notes,
} from '../support/migrations.js';
import { update, writing } from '../support/writing.js';

type Page = DocumentPage<Loose>;
type Item = StoredDocumentItem<Loose>;

function broken(rule: string, what: string): Failure {
  return refused(
    'ADAPTER_CONTRACT',
    `The document store broke rule ${rule}: ${what}; fix the adapter`,
  );
}

/** From now on the collection is listed so. */
function listedAs({ probe }: Notes, change: (page: Page) => unknown): void {
  probe.after = (method, result) => (method === 'list' ? change(result as Page) : result);
}

/** Each item of a page with something else in it. */
function withItems({ items, ...page }: Page, change: (item: Item) => unknown): unknown {
  return { ...page, items: items.map(change) };
}

const MIGRATIONS: readonly (readonly [string, boolean, (made: Setup, from: Notes) => Migration])[] =
  [
    [
      'a backfill',
      true,
      ({ encryptor }, { store }) => backfillDocuments(encryptor, note, store, { allowEmpty: true }),
    ],
    [
      'a re-encryption',
      true,
      ({ encryptor, clock }, { store }) => {
        const createdBefore = new Date(clock.wallMs());
        return reencryptDocuments(encryptor, note, store, { allowEmpty: true, createdBefore });
      },
    ],
    [
      'a removal',
      false,
      ({ encryptor }, { store }) => removeEncryption(encryptor, note, store, { allowEmpty: true }),
    ],
  ];

/** Two sealed documents, to be migrated by a process with encryption on or off. */
async function scene(enabled: boolean): Promise<readonly [Setup, Notes]> {
  const [before, collection] = await sealedNotes(2);
  before.clock.advance(1_000);
  return [setup({ beside: before, enabled }), collection];
}

describe.each(MIGRATIONS)('%s of a store that breaks its contract', (_what, enabled, start) => {
  it.each([[undefined], [null], [''], [5]])(
    'refuses listed documents with the etag %j',
    async (etag) => {
      const [made, collection] = await scene(enabled);
      listedAs(collection, (page) => withItems(page, (item) => ({ ...item, etag })));
      expect(await failure(migrate(start(made, collection), made.clock))).toEqual(
        broken('D6', 'list returned a document without an etag'),
      );
      expect(collection.probe.calls).toEqual({ count: 1, list: 1 });
    },
  );

  it.each([[null], [''], [5], [{}]])('refuses the continuation %j', async (continuation) => {
    const [made, collection] = await scene(enabled);
    listedAs(collection, (page) => ({ ...page, continuation }));
    expect(await failure(migrate(start(made, collection), made.clock))).toEqual(
      broken('D6', 'list returned a continuation that is not text'),
    );
    expect(collection.probe.calls).toEqual({ count: 1, list: 1 });
  });

  it.each([
    [null, 'null'],
    ['text', 'a string'],
    [[], 'an array'],
    [undefined, 'undefined'],
  ])('names the document %j as failed, and goes on', async (document, got) => {
    const [made, collection] = await scene(enabled);
    listedAs(collection, (page) =>
      withItems(page, (item) => (item.document['id'] === 'note-0' ? { ...item, document } : item)),
    );
    const migrated = await migrate(start(made, collection), made.clock);
    const failed = eventsOf(migrated, 'failed');
    expect(failed.map(({ key, error }) => [key, describeError(error)])[0]).toEqual([
      {},
      { name: 'TypeError', message: `"document" expected a plain object, got ${got}` },
    ]);
    expect(migrated.summary).toMatchObject({
      complete: false,
      scanned: 2,
      failed: 1,
      unchanged: 1,
    });
  });
});

describe('a document that is gone', () => {
  it('is not written again where a store lists it without its etag', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 1);
    collection.probe.after = async (method, result) => {
      if (method !== 'list') return result;
      const [item] = (result as Page).items;
      await collection.memory.delete({ ...KEY, id: 'note-0' }, String(item?.etag));
      return { items: [{ document: item?.document }] };
    };
    expect(await failure(backfill(made, collection))).toEqual(
      broken('D6', 'list returned a document without an etag'),
    );
    expect(await collection.memory.count()).toBe(0);
  });

  it('is not written again where a store reads it without its etag', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 1);
    const { memory, probe } = collection;
    probe.before = (method) => {
      if (method !== 'replace') return;
      throw new StoreError('ETAG_MISMATCH', 'The document was changed');
    };
    probe.after = async (method, result) => {
      if (method !== 'get') return result;
      const item = await memory.get({ ...KEY, id: 'note-0' });
      if (item) await memory.delete({ ...KEY, id: 'note-0' }, item.etag);
      return { document: { ...KEY, id: 'note-0', body: 'deleted' } };
    };
    const migrated = await backfill(made, collection);
    expect(eventsOf(migrated, 'failed').map(({ error }) => describeError(error))).toEqual([
      broken('D2', 'get returned an unexpected value'),
    ]);
    expect(await memory.count()).toBe(0);
  });
});

describe('an update of a document', () => {
  it.each([
    ['null for "absent"', null],
    ['no etag', { document: { ...KEY, body: 'x' } }],
    ['an empty etag', { document: { ...KEY, body: 'x' }, etag: '' }],
    ['no document', { document: null, etag: '1' }],
  ])('refuses a store that answers with %s, and writes nothing', async (_what, answer) => {
    const scene = writing();
    scene.probe.after = (method, result) => (method === 'get' ? answer : result);
    expect(await failure(update(scene, () => ({ ...KEY, body: 'new' })))).toEqual(
      broken('D2', 'get returned an unexpected value'),
    );
    expect(scene.probe.calls).toEqual({ get: 1 });
  });
});

describe('a re-encryption that shreds', () => {
  it.each([[null], [{ document: { ...KEY, id: 'note-0' } }]])(
    'destroys nothing of a document that the store reads as %j',
    async (answer) => {
      const [made, collection] = await sealedNotes(1);
      collection.probe.after = (method, result) => (method === 'get' ? answer : result);
      const migrated = await reencrypt(made, collection, { shred: true });
      expect(eventsOf(migrated, 'failed').map(({ error }) => describeError(error))[0]).toEqual(
        broken('D2', 'get returned an unexpected value'),
      );
      expect(await statesOf(made, 'note-0')).toEqual(['1 retired', '2 active']);
    },
  );
});

describe('reading a collection', () => {
  it('refuses a continuation that is no text', async () => {
    const [made, collection] = await sealedNotes(1);
    listedAs(collection, (page) => ({ ...page, continuation: null }));
    const refusal = broken('D6', 'list returned a continuation that is not text');
    expect(await failure(countPlaintext(note, collection.store))).toEqual(refusal);
    const search = findMissingDeks(made.encryptor, note, collection.store);
    expect(await failure(search.next())).toEqual(refusal);
  });
});

/** Another writer's edit lands between the read and the write of the migration. */
function editedMeanwhile(collection: Notes, edit: (document: Loose) => Loose): void {
  const { memory, probe } = collection;
  probe.before = async (method, [document]) => {
    if (method !== 'replace') return;
    probe.before = () => undefined;
    const item = await memory.get(document as Loose);
    await put(collection, edit(item?.document ?? {}));
  };
}

const isOpen = (document: Readonly<Record<string, unknown>>): boolean =>
  document['locked'] !== true;

describe('a document that is not selected any more once a race was lost', () => {
  it('is left to its last writer by a backfill', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 1);
    const edited = { ...KEY, id: 'note-0', body: 'edited', locked: true };
    editedMeanwhile(collection, () => edited);
    const migrated = await backfill(made, collection, { select: isOpen });
    expect(eventsOf(migrated, 'skipped')[0]).toMatchObject({
      key: { ...KEY, id: 'note-0' },
      reason: 'not-selected',
    });
    expect(migrated.summary).toMatchObject({ changed: 0, skipped: 1, complete: true });
    expect(await stored(collection, 'note-0')).toEqual(edited);
  });

  it('is left under its DEK by a re-encryption', async () => {
    const [made, collection] = await sealedNotes(1);
    editedMeanwhile(collection, (document) => ({ ...document, locked: true }));
    const migrated = await reencrypt(made, collection, { select: isOpen, shred: true });
    expect(eventsOf(migrated, 'skipped')[0]).toMatchObject({ reason: 'not-selected' });
    expect(eventsOf(migrated, 'changed')).toEqual([]);
    const after = await stored(collection, 'note-0');
    expect([after['locked'], generationsIn(after)]).toEqual([true, ['1']]);
    expect(await statesOf(made, 'note-0')).toEqual(['1 active', '2 active']);
  });

  it('is not even given a new etag by one that shreds', async () => {
    const [made, collection] = await sealedNotes(1);
    const { memory, probe } = collection;
    probe.after = async (method, result) => {
      if (method !== 'get') return result;
      probe.after = (_method, later) => later;
      await put(collection, { ...(await stored(collection, 'note-0')), locked: true });
      return memory.get({ ...KEY, id: 'note-0' });
    };
    const migrated = await reencrypt(made, collection, { select: isOpen, shred: true });
    expect(eventsOf(migrated, 'skipped')[0]).toMatchObject({ reason: 'not-selected' });
    expect(probe.calls['replace']).toBe(1);
    expect(await statesOf(made, 'note-0')).toEqual(['1 retired', '2 active']);
  });

  it('is asked about once for each version', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 1);
    const asked: unknown[] = [];
    const select = ({ body }: Readonly<Record<string, unknown>>): boolean => {
      asked.push(typeof body === 'string' ? body : 'sealed');
      return true;
    };
    editedMeanwhile(collection, (document) => ({ ...document, body: 'edited' }));
    const { summary } = await backfill(made, collection, { select });
    expect(summary).toMatchObject({ changed: 1, complete: true });
    expect(asked).toEqual(['of note-0', 'edited', 'sealed']);
  });
});
