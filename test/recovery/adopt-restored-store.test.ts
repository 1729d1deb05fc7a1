import { describe, expect, it } from 'vitest';
import {
  adoptRestoredStore,
  reencryptDocuments,
  type AdoptEvent,
  type AdoptRestoredStoreOptions,
  type AdoptSummary,
} from '../../src/index.js';
import { MemoryDekStore, MemoryDocumentStore } from '../../src/testing/index.js';
import {
  contentsOf,
  decryptAny,
  encryptAny,
  KEY,
  note,
  PRODUCT,
  setup,
  type Loose,
  type Setup,
  type SetupOptions,
} from '../support/encryptor.js';
import { failure } from '../support/failure.js';
import {
  alterRecord,
  alterRow,
  ended,
  envKeys,
  record,
  rewrap,
  rows,
  targetOf,
  versionOf,
  withKeys,
} from '../support/rotations.js';

interface Adopted {
  readonly events: readonly AdoptEvent[];
  readonly summary: AdoptSummary;
}

async function adopt(made: Setup, options: AdoptRestoredStoreOptions = {}): Promise<Adopted> {
  const events: AdoptEvent[] = [];
  const run = async (): Promise<void> => {
    for await (const event of adoptRestoredStore(made.encryptor, options)) events.push(event);
  };
  await ended(run(), made.clock);
  const last = events.at(-1);
  if (last?.type !== 'finished') throw new Error('The last event is not "finished"');
  return { events, summary: last.summary };
}

/** The rows and the record as they are now: what a later restore brings back. */
async function backupOf(made: Setup): Promise<MemoryDekStore> {
  const backup = new MemoryDekStore();
  for (const row of await rows(made)) await backup.create(row);
  await backup.createItem(await record(made));
  return backup;
}

/** A process over the restored store, at the same time. */
function over(backup: MemoryDekStore, made: Setup, options: SetupOptions = {}): Setup {
  return setup({ beside: made, memory: backup, keyProviders: [envKeys('b', 'a')], ...options });
}

async function withNotes(count: number): Promise<[Setup, MemoryDocumentStore<Loose>]> {
  const made = setup();
  const notes = new MemoryDocumentStore<Loose>({ key: note.key });
  for (let number = 0; number < count; number += 1) await add(made, notes, `n${String(number)}`);
  return [made, notes];
}

async function add({ encryptor }: Setup, notes: MemoryDocumentStore<Loose>, id: string) {
  const stored = await encryptAny(encryptor, { ...KEY, id, body: `of ${id}` });
  await notes.create(stored);
  return stored;
}

function documentsIn(notes: MemoryDocumentStore<Loose>): AdoptRestoredStoreOptions {
  return { documents: [{ definition: note, documentStore: notes }] };
}

describe('the record of a restored store', () => {
  it('gets an epoch above every row, and names a rotation that rows have not followed', async () => {
    const [made] = await withNotes(2);
    const operator = withKeys(made, ['b', 'a']);
    await rewrap(operator);
    const backup = await backupOf(operator);
    const restored = over(backup, made);
    const { summary } = await adopt(restored);
    expect(summary).toMatchObject({ run: 'adoptRestoredStore', complete: true, epoch: 3 });
    expect(await record(restored)).toMatchObject({
      epoch: 3,
      state: 'fencing',
      mekVersion: await versionOf('b'),
      history: [{ epoch: 1 }, { epoch: 2 }],
    });
    const target = await targetOf('b');
    await rewrap(restored, { target });
    expect(await record(restored)).toMatchObject({ epoch: 3, state: 'complete' });
  });

  it.each([
    ['epochSeen', { epochSeen: 9 }, {}],
    ['minimumEpoch, which writers refuse the record for', {}, { minimumEpoch: 9 }],
  ])('gets an epoch above %s', async (_what, options, settings) => {
    const [made] = await withNotes(1);
    const restored = over(await backupOf(made), made, settings);
    expect((await adopt(restored, options)).summary.epoch).toBe(10);
    await encryptAny(restored.encryptor, { ...KEY, id: 'new', body: 'text' });
  });

  it('gets an epoch above a row that is ahead of it', async () => {
    const [made] = await withNotes(2);
    const [first] = await rows(made);
    await alterRow(made, first?.id ?? '', { epoch: 7 });
    expect((await adopt(made)).summary.epoch).toBe(8);
  });

  it('is not raised by a row with an epoch that this library never writes', async () => {
    const [made] = await withNotes(2);
    const [first] = await rows(made);
    await alterRow(made, first?.id ?? '', { epoch: Number.MAX_SAFE_INTEGER });
    const { summary, events } = await adopt(made);
    expect(summary).toMatchObject({ complete: false, failed: 1, epoch: 2 });
    expect(events.find(({ type }) => type === 'failed')).toMatchObject({
      dekId: first?.id,
      error: { code: 'TAMPERED' },
    });
  });

  it('gets a floor above the generations of rows, tombstones and envelopes', async () => {
    const [made, notes] = await withNotes(1);
    const backup = await backupOf(made);
    const createdBefore = new Date(made.clock.wallMs() + 1);
    made.clock.advance(2);
    const running = reencryptDocuments(made.encryptor, note, notes, { createdBefore });
    await ended(drain(running), made.clock);
    const restored = over(backup, made);
    expect((await adopt(restored)).summary.generationFloor).toBe(1 + 1 + 1_024);
    const { summary, events } = await adopt(restored, documentsIn(notes));
    expect(summary).toMatchObject({ generationFloor: 2 + 1 + 1_024, documentsWithoutDek: 1 });
    expect(events.find(({ type }) => type === 'skipped')).toMatchObject({
      collection: 'notes',
      key: { ...KEY, id: 'n0' },
      reason: 'dek-missing',
      dekIds: [expect.stringMatching(/\.2$/)],
    });
    const again = await encryptAny(restored.encryptor, { ...KEY, id: 'new', body: 'text' });
    expect((again['body'] as { dekId: string }).dekId).toMatch(/\.1027$/);
  });

  it('is made anew where the backup has none, for the target that is passed', async () => {
    const [made] = await withNotes(1);
    const backup = new MemoryDekStore();
    for (const row of await rows(made)) await backup.create(row);
    const restored = over(backup, made);
    expect(await failure(adopt(restored))).toMatchObject({
      code: 'ROTATION_RECORD_MISSING',
      message: `The restored store has no rotation record of "${PRODUCT}": pass "target", the MEK version for new DEKs`,
    });
    expect(await backup.getRotation(PRODUCT)).toBeUndefined();
    const { summary } = await adopt(restored, { target: await targetOf('b') });
    expect(summary).toMatchObject({ epoch: 2, target: { mekVersion: await versionOf('b') } });
    expect(await record(restored)).toMatchObject({ epoch: 2, state: 'fencing', history: [] });
    await rewrap(restored, { target: await targetOf('b') });
    expect(await record(restored)).toMatchObject({ epoch: 2, state: 'complete' });
  });

  it('names another target where one is passed', async () => {
    const [made] = await withNotes(1);
    const restored = over(await backupOf(made), made);
    await adopt(restored, { target: await targetOf('b') });
    expect(await record(restored)).toMatchObject({ epoch: 2, mekVersion: await versionOf('b') });
  });

  it('keeps the fence of the restored one', async () => {
    const [made] = await withNotes(1);
    await alterRecord(made, { fenceTtlMs: 5_000 });
    const restored = over(await backupOf(made), made);
    const startMs = made.clock.monotonicMs();
    const { events } = await adopt(restored);
    expect(made.clock.monotonicMs() - startMs).toBe(5_000);
    expect(events.filter(({ type }) => type === 'fence').length).toBeGreaterThan(4);
    expect(await record(restored)).toMatchObject({ fenceTtlMs: 5_000 });
  });
});

async function drain(run: AsyncGenerator): Promise<void> {
  while (!(await run.next()).done);
}

describe('a second call', () => {
  it('writes nothing, and waits again', async () => {
    const [made, notes] = await withNotes(2);
    const restored = over(await backupOf(made), made);
    const options = { epochSeen: 4, ...documentsIn(notes) };
    await adopt(restored, options);
    const contents = await contentsOf(restored.memory);
    const startMs = made.clock.monotonicMs();
    const { summary } = await adopt(restored, options);
    expect(summary).toMatchObject({ epoch: 5, changed: 0, complete: true });
    expect(await contentsOf(restored.memory)).toEqual(contents);
    expect(made.clock.monotonicMs() - startMs).toBe(30_000);
  });
});

describe('a dry run', () => {
  it('says what the record would be, and writes nothing', async () => {
    const [made, notes] = await withNotes(2);
    const restored = over(await backupOf(made), made);
    const contents = await contentsOf(restored.memory);
    const [first] = await rows(made);
    const shredAgain = [first?.id ?? ''];
    const { summary, events } = await adopt(restored, {
      dryRun: true,
      epochSeen: 4,
      shredAgain,
      ...documentsIn(notes),
    });
    expect(summary).toMatchObject({ epoch: 5, wouldChange: 1, complete: false, documents: 2 });
    expect(summary.documentsWithoutDek).toBe(1);
    expect(events.map(({ type }) => type)).not.toContain('fence');
    expect(await contentsOf(restored.memory)).toEqual(contents);
  });
});

describe('DEKs that were shredded after the backup', () => {
  it('are shredded again, by dekId and by scope, and no other', async () => {
    const [made, notes] = await withNotes(3);
    const backup = await backupOf(made);
    const [one, two, three] = await rows(made);
    const shredAgain = [one?.id ?? '', two?.scopeId ?? ''];
    const restored = over(backup, made);
    const { summary } = await adopt(restored, { shredAgain, ...documentsIn(notes) });
    expect(summary).toMatchObject({ scanned: 3, changed: 2, unchanged: 1, documentsWithoutDek: 2 });
    const states = (await rows(restored)).map(({ id, state }) => [id, state]);
    expect(Object.fromEntries(states)).toEqual({
      [one?.id ?? '']: 'shredded',
      [two?.id ?? '']: 'shredded',
      [three?.id ?? '']: 'active',
    });
  });
});

describe('documents that were sealed after the backup of their row', () => {
  it('are reported, and can be read', async () => {
    const [made, notes] = await withNotes(1);
    const backup = await backupOf(made);
    const operator = withKeys(made, ['b', 'a']);
    await rewrap(operator);
    const { document, etag } = (await notes.get({ ...KEY, id: 'n0' })) ?? {};
    const changed = await encryptAny(operator.encryptor, { ...KEY, id: 'n0', body: 'after' });
    expect(document).toBeDefined();
    await notes.replace(changed, etag ?? '');
    const restored = over(backup, made);
    const { summary, events } = await adopt(restored, documentsIn(notes));
    expect(summary).toMatchObject({ documents: 1, documentsNewerThanRow: 1, complete: true });
    expect(events.find(({ type }) => type === 'skipped')).toMatchObject({ reason: 'row-older' });
    expect(await decryptAny(restored.encryptor, changed)).toMatchObject({ body: 'after' });
  });
});

describe('a row that a rollback of the store left behind the rotation', () => {
  it('is older than a document of that rotation', async () => {
    const [made, notes] = await withNotes(1);
    const operator = withKeys(made, ['b', 'a']);
    await rewrap(operator);
    const changed = await encryptAny(operator.encryptor, { ...KEY, id: 'n0', body: 'after' });
    const { etag = '' } = (await notes.get({ ...KEY, id: 'n0' })) ?? {};
    await notes.replace(changed, etag);
    const [row] = await rows(made);
    await alterRow(made, row?.id ?? '', { epoch: 1 });
    const { summary } = await adopt(operator, documentsIn(notes));
    expect(summary).toMatchObject({ documentsNewerThanRow: 1 });
  });
});

describe('a bulk read that lags', () => {
  it('makes no row missing', async () => {
    const [made, notes] = await withNotes(1);
    made.store.after = (method, result) => (method === 'getMany' ? new Map() : result);
    const { summary } = await adopt(made, documentsIn(notes));
    expect(summary).toMatchObject({ documents: 1, documentsWithoutDek: 0 });
    expect(made.store.calls).toMatchObject({ getMany: 1, get: 1 });
  });
});

describe('a generation that this library never creates', () => {
  it('raises nothing, and is a failure', async () => {
    const [made, notes] = await withNotes(1);
    const { document, etag = '' } = (await notes.get({ ...KEY, id: 'n0' })) ?? {};
    const body = document?.['body'] as { readonly dekId: string };
    const forged = { ...body, dekId: body.dekId.replace(/1$/, '2000000') };
    await notes.replace({ ...document, ...KEY, id: 'n0', body: forged }, etag);
    const { summary } = await adopt(made, documentsIn(notes));
    expect(summary).toMatchObject({ failedDocuments: 1, generationFloor: 1 + 1 + 1_024 });
  });
});

describe('a document that cannot be checked', () => {
  it('is a failure, and the others are checked', async () => {
    const [made, notes] = await withNotes(2);
    const { document, etag } = (await notes.get({ ...KEY, id: 'n0' })) ?? {};
    await notes.replace({ ...document, ...KEY, id: 'n0', body: { _enc: 1 } }, etag ?? '');
    const { summary } = await adopt(made, documentsIn(notes));
    expect(summary).toMatchObject({ documents: 2, failedDocuments: 1, complete: false, failed: 0 });
  });
});

describe('what is refused before anything is read', () => {
  it.each([
    [{ epochSeen: -1 }, RangeError],
    [{ epochSeen: Number.MAX_SAFE_INTEGER }, RangeError],
    [{ shredAgain: ['n0'] }, RangeError],
    [{ shredAgain: 'all' }, TypeError],
    [{ documents: {} }, TypeError],
    [{ documents: [{ definition: note }] }, TypeError],
    [{ documents: [{ definition: {}, documentStore: {} }] }, TypeError],
    [{ documents: [{ definition: note, documentStore: {}, more: 1 }] }, RangeError],
    [{ epochsSeen: 1 }, RangeError],
  ])('are wrong options, number %#', async (options, type) => {
    const [made] = await withNotes(1);
    made.store.reset();
    const error = await failure(adopt(made, options as AdoptRestoredStoreOptions));
    expect(error.name).toBe(type.name);
    expect(made.store.calls).toEqual({});
  });
});

describe('a target that does not answer', () => {
  it('ends the run before anything is written', async () => {
    const [made] = await withNotes(1);
    const contents = await contentsOf(made.memory);
    made.provider.before = () => {
      throw new Error('down');
    };
    expect(await failure(adopt(made))).toMatchObject({ message: 'down' });
    expect(await contentsOf(made.memory)).toEqual(contents);
  });
});

describe('a lost answer, and another writer', () => {
  it('a write whose answer was lost counts as written', async () => {
    const [made] = await withNotes(1);
    let lost = 0;
    made.store.after = (method, result) => {
      if (method !== 'replaceRotation' || lost > 0) return result;
      lost += 1;
      throw new Error('connection reset');
    };
    expect((await adopt(made)).summary.epoch).toBe(2);
    expect(lost).toBe(1);
  });

  it('a record that was written meanwhile is read again', async () => {
    const [made] = await withNotes(1);
    let others = 0;
    made.store.before = async (method) => {
      if (method !== 'replaceRotation' || others > 0) return;
      others += 1;
      await alterRecord(made, { epoch: 6 });
    };
    expect((await adopt(made)).summary.epoch).toBe(6);
    expect(others).toBe(1);
  });
});

it('a writer that remembers the lost record seals again after it', async () => {
  const [made] = await withNotes(1);
  const backup = await backupOf(made);
  const operator = withKeys(made, ['b', 'a']);
  await rewrap(operator);
  const restored = over(backup, made, { minimumEpoch: 2 });
  const sealed = encryptAny(restored.encryptor, { ...KEY, id: 'new', body: 'text' });
  expect(await failure(ended(sealed, made.clock))).toMatchObject({
    code: 'ROTATION_RECORD_BEHIND',
  });
  await adopt(restored, { target: await targetOf('b') });
  await encryptAny(restored.encryptor, { ...KEY, id: 'new', body: 'text' });
});
