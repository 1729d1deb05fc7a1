import { readReencryptionItem } from '../../src/store/dek-store.js';
import { describe, expect, it } from 'vitest';
import { reencryptDocuments, StoreError, type ReencryptOptions } from '../../src/index.js';
import type { ReencryptionRecord } from '../../src/format/reencryption-record.js';
import { encryptAny, KEY, note, PRODUCT, setup, type Setup } from '../support/encryptor.js';
import { failure } from '../support/failure.js';
import {
  eventsOf,
  generationsIn,
  migrate,
  migrateUntil,
  notes,
  put,
  reencrypt,
  rowOf,
  sealedNotes,
  statesOf,
  stored,
  type Migrated,
  type Notes,
} from '../support/migrations.js';
import {
  alterRecord,
  alterRow,
  pull,
  record,
  rewrap,
  start as startRewrap,
  withKeys,
} from '../support/rotations.js';

const AN_HOUR_MS = 3_600_000;

async function itemOf({ memory }: Setup): Promise<ReencryptionRecord> {
  const item = await readReencryptionItem(memory, PRODUCT, 'notes');
  if (!item) throw new Error('There is no re-encryption item');
  return item.value as ReencryptionRecord;
}

async function alterItem(made: Setup, change: Readonly<Record<string, unknown>>): Promise<void> {
  const item = await readReencryptionItem(made.memory, PRODUCT, 'notes');
  const altered = JSON.stringify({ ...(item?.value as ReencryptionRecord), ...change });
  // What is undefined in the change is gone.
  await made.memory.replaceItem(JSON.parse(altered) as ReencryptionRecord, item?.etag ?? '');
}

function reencryptAt(made: Setup, { store }: Notes, options: ReencryptOptions): Promise<Migrated> {
  return migrate(
    reencryptDocuments(made.encryptor, note, store, { allowEmpty: true, ...options }),
    made.clock,
  );
}

function momentAfter({ clock }: Setup): Date {
  clock.advance(1_000);
  return new Date(clock.wallMs());
}

describe('a DEK that is from before the re-encryption, and says that it is not', () => {
  it('is replaced and reported, where the clock of its writer was ahead', async () => {
    const [made, collection] = [setup(), notes()];
    made.clock.advanceWall(AN_HOUR_MS);
    await put(
      collection,
      await encryptAny(made.encryptor, { ...KEY, id: 'note-0', body: 'b', tags: ['t'] }),
    );
    made.clock.advanceWall(-AN_HOUR_MS);
    const migrated = await reencrypt(made, collection, { shred: true });
    expect(migrated.summary).toMatchObject({ complete: true, shredded: 1, misdated: 1 });
    expect(generationsIn(await stored(collection, 'note-0'))).toEqual(['2']);
    expect(await statesOf(made, 'note-0')).toEqual(['1 shredded', '2 active']);
    const { id } = await rowOf(made, 'note-0', 1);
    expect(eventsOf(migrated, 'changed')[0]?.misdated).toEqual([id]);
    expect(eventsOf(migrated, 'unchanged').at(-1)?.misdated).toEqual([id]);
  });

  it('is replaced and reported, where its row was edited', async () => {
    const [made, collection] = await sealedNotes(2);
    const { id } = await rowOf(made, 'note-1', 1);
    await alterRow(made, id, { createdAt: '2999-01-01T00:00:00.000Z' });
    const dry = await reencrypt(made, collection, { dryRun: true });
    expect(dry.summary).toMatchObject({ wouldChange: 2, misdated: 1 });
    const migrated = await reencrypt(made, collection);
    expect(migrated.summary).toMatchObject({ complete: true, changed: 2, misdated: 1 });
    expect(eventsOf(migrated, 'changed').flatMap(({ misdated = [] }) => misdated)).toEqual([id]);
  });

  it('is not reported where its time is from before', async () => {
    const [made, collection] = await sealedNotes(1);
    const migrated = await reencrypt(made, collection);
    expect(migrated.summary).not.toHaveProperty('misdated');
    expect(migrated.events.filter((event) => 'misdated' in event)).toEqual([]);
  });
});

describe('the generation floor of a re-encryption', () => {
  it('is stored, and above every generation of the product, before any document is written', async () => {
    const [made, collection] = await sealedNotes(2);
    const row = await rowOf(made, 'note-0', 1);
    const other = { ...row, generation: 7, id: `${row.scopeId}.7` };
    await made.memory.create(other);
    const createdBefore = momentAfter(made);
    const seen: unknown[] = [];
    collection.probe.before = async (method) => {
      if (method === 'replace') seen.push((await record(made)).generationFloor);
    };
    await reencryptAt(made, collection, { createdBefore });
    expect(await itemOf(made)).toEqual({
      id: 'reencryption:notes',
      scopeId: `lease:${PRODUCT}`,
      type: 'reencryption',
      schema: 1,
      product: PRODUCT,
      collection: 'notes',
      createdBefore: createdBefore.toISOString(),
      generationFloor: 8,
      startedAt: createdBefore.toISOString(),
    });
    expect(seen).toEqual([8, 8]);
    expect(generationsIn(await stored(collection, 'note-1'))).toEqual(['8']);
  });

  it('holds for every DEK that is made from then on, and leaves the epoch', async () => {
    const [made, collection] = await sealedNotes(1);
    await rewrap(withKeys(made, ['b', 'a']));
    const before = await record(made);
    const operator = withKeys(made, ['b', 'a']);
    await reencrypt(operator, collection);
    expect(await record(made)).toEqual({ ...before, generationFloor: 2 });
    const writer = withKeys(made, ['b', 'a']);
    const later = await encryptAny(writer.encryptor, { ...KEY, id: 'new', body: 'b' });
    expect(later['body']).toMatchObject({ dekId: expect.stringMatching(/\.2$/) as string });
  });

  it('takes tombstones into account, and no generation that is too high to be true', async () => {
    const [made, collection] = await sealedNotes(1);
    const row = await rowOf(made, 'note-0', 1);
    for (const generation of [3, 2 ** 30]) {
      await made.memory.create({
        ...row,
        generation,
        id: `${row.scopeId}.${String(generation)}`,
      });
    }
    await made.encryptor.shred(note, { ...KEY, id: 'none' });
    await alterRow(made, `${row.scopeId}.3`, { state: 'retired', retiredAt: row.createdAt });
    await reencrypt(made, collection);
    expect((await itemOf(made)).generationFloor).toBe(4);
  });

  it('stays for a run with the same moment, and is a new one for another moment', async () => {
    const [made, collection] = await sealedNotes(1);
    const createdBefore = momentAfter(made);
    await reencryptAt(made, collection, { createdBefore });
    const first = await itemOf(made);
    made.clock.advance(5_000);
    const again = await reencryptAt(made, collection, { createdBefore });
    expect(again.summary).toMatchObject({ complete: true, changed: 0, retired: 0 });
    expect(await itemOf(made)).toEqual(first);
    const next = await reencrypt(made, collection);
    expect(next.summary).toMatchObject({ complete: true, changed: 1, retired: 1 });
    expect((await itemOf(made)).generationFloor).toBe(3);
  });

  it('is read again where the clock of its run was set back before it was stored', async () => {
    const [made, collection] = await sealedNotes(1);
    const createdBefore = momentAfter(made);
    const running = reencryptDocuments(made.encryptor, note, collection.store, {
      allowEmpty: true,
      createdBefore,
    });
    const [begun] = await Promise.all([running.next(), made.clock.run(1)]);
    expect(begun.value).toMatchObject({ type: 'begun' });
    made.clock.advanceWall(-AN_HOUR_MS);
    const { summary } = await migrate(running, made.clock);
    expect(summary).toMatchObject({ complete: true, changed: 1 });
    expect((await itemOf(made)).startedAt).toBe(createdBefore.toISOString());
    made.clock.advanceWall(AN_HOUR_MS);
    const again = await reencryptAt(made, collection, { createdBefore });
    expect(again.summary).toMatchObject({ complete: true, changed: 0 });
  });

  it('is waited for even where no old DEK was met: a process may make one until then', async () => {
    const [made, collection] = [setup(), notes()];
    const slow = setup({ beside: made });
    await encryptAny(slow.encryptor, { ...KEY, id: 'first', body: 'b' });
    const createdBefore = momentAfter(made);
    const migration = reencryptDocuments(made.encryptor, note, collection.store, {
      allowEmpty: true,
      createdBefore,
    });
    await migrateUntil(migration, made.clock, 'fence');
    const late = await encryptAny(slow.encryptor, { ...KEY, id: 'note-0', body: 'b', tags: ['t'] });
    expect(late['body']).toMatchObject({ dekId: expect.stringMatching(/\.1$/) as string });
    await put(collection, late);
    const { summary } = await migrate(migration, made.clock);
    expect(summary).toMatchObject({ complete: true, changed: 1, retired: 1 });
    expect(generationsIn(await stored(collection, 'note-0'))).toEqual(['2']);
  });

  it('is not stored by a dry run, nor raised', async () => {
    const [made, collection] = await sealedNotes(1);
    const before = await record(made);
    await reencrypt(made, collection, { dryRun: true });
    expect(await record(made)).toEqual(before);
    expect(await readReencryptionItem(made.memory, PRODUCT, 'notes')).toBeUndefined();
  });

  it('is raised beside a rotation, which goes on', async () => {
    const [made, collection] = await sealedNotes(1);
    const operator = withKeys(made, ['b', 'a']);
    const rewrapping = await startRewrap(operator);
    await pull(rewrapping, made.clock);
    await reencrypt(withKeys(made, ['b', 'a']), collection);
    for (let isDone = false; !isDone;) {
      isDone = (await pull(rewrapping, made.clock)).done === true;
    }
    expect(await record(made)).toMatchObject({ state: 'complete', epoch: 2, generationFloor: 2 });
  });
});

describe('a write of the floor', () => {
  it.each(['createReencryption', 'replaceRotation'])(
    'whose answer is lost is read again: %s',
    async (name) => {
      const [made, collection] = await sealedNotes(1);
      let lost = 0;
      made.store.after = (method, result) => {
        if (method !== name || lost > 0) return result;
        lost += 1;
        throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
      };
      expect((await reencrypt(made, collection)).summary).toMatchObject({ complete: true });
      expect(made.store.calls[name]).toBe(1);
    },
  );

  it.each(['createReencryption', 'replaceRotation'])(
    'that fails ends the run before any document is written: %s',
    async (name) => {
      const [made, collection] = await sealedNotes(1);
      made.store.before = (method) => {
        if (method === name) throw new StoreError('STORE_UNAVAILABLE', 'no route');
      };
      expect(await failure(reencrypt(made, collection))).toMatchObject({ message: 'no route' });
      expect(collection.probe.calls).not.toHaveProperty('replace');
      made.store.before = () => undefined;
      expect((await reencrypt(made, collection)).summary.complete).toBe(true);
    },
  );

  it('over a record that another process changed is decided anew', async () => {
    const [made, collection] = await sealedNotes(1);
    let changes = 0;
    made.store.before = async (method) => {
      if (method !== 'replaceRotation' || ++changes > 1) return;
      await alterRecord(made, { fenceTtlMs: 31_000 });
    };
    await reencrypt(made, collection);
    expect(await record(made)).toMatchObject({ generationFloor: 2, fenceTtlMs: 31_000 });
  });
});

describe('a re-encryption item that cannot be trusted', () => {
  it.each([
    ['type', 'rotation', 'ROW_UNSUPPORTED'],
    ['schema', 2, 'ROW_UNSUPPORTED'],
    ['later', true, 'ROW_UNSUPPORTED'],
    ['product', 'other', 'TAMPERED'],
    ['collection', 'tasks', 'TAMPERED'],
    ['generationFloor', 0, 'TAMPERED'],
    ['createdBefore', 'yesterday', 'TAMPERED'],
    ['createdBefore', '2999-01-01T00:00:00.000Z', 'TAMPERED'],
    ['startedAt', undefined, 'TAMPERED'],
  ])('stops every run before it writes: %s %j', async (property, value, code) => {
    const [made, collection] = await sealedNotes(1);
    await reencrypt(made, collection);
    await alterItem(made, { [property]: value });
    made.store.reset();
    collection.probe.reset();
    expect(await failure(reencrypt(made, collection))).toMatchObject({ code });
    expect(await failure(reencrypt(made, collection, { dryRun: true }))).toMatchObject({ code });
    expect(Object.keys(made.store.calls)).not.toContain('replaceReencryption');
    expect(collection.probe.calls).not.toHaveProperty('replace');
  });

  it('says what to do', async () => {
    const [made, collection] = await sealedNotes(1);
    await reencrypt(made, collection);
    await alterItem(made, { generationFloor: -1 });
    expect(await failure(reencrypt(made, collection))).toEqual({
      name: 'TamperedError',
      code: 'TAMPERED',
      message:
        'The re-encryption item of "notes" was altered (generationFloor): restore it from a backup',
    });
  });

  it('is not written over without the key of its mac', async () => {
    const [made, collection] = await sealedNotes(1);
    await reencrypt(made, collection);
    await alterItem(made, { macKeyId: '0123456789abcdef', mac: 'A'.repeat(43) });
    expect(await failure(reencrypt(made, collection))).toMatchObject({ code: 'ROW_UNSUPPORTED' });
    await alterItem(made, { macKeyId: undefined });
    expect(await failure(reencrypt(made, collection))).toMatchObject({ code: 'TAMPERED' });
  });
});
