import { describe, expect, it } from 'vitest';
import type { DekRow } from '../../src/adapters.js';
import { reencryptDocuments, StoreError } from '../../src/index.js';
import { encryptAny, envelopeAt, KEY, note, setup } from '../support/encryptor.js';
import { rejection } from '../support/failure.js';
import {
  eventsOf,
  generationsIn,
  migrate,
  migrateUntil,
  opened,
  put,
  reencrypt,
  rowOf,
  sealedNotes,
  statesOf,
  stored,
} from '../support/migrations.js';
import { alterRow, rewrap, withKeys } from '../support/rotations.js';

describe('a re-encryption', () => {
  it('rewrites every field under the next generation, and retires the one before', async () => {
    const [made, collection] = await sealedNotes(2);
    const migrated = await reencrypt(made, collection);
    expect(migrated.summary).toMatchObject({
      run: 'reencryptDocuments',
      complete: true,
      changed: 2,
      fields: 6,
      retired: 2,
      shredded: 0,
      unchanged: 2,
    });
    expect(generationsIn(await stored(collection, 'note-0'))).toEqual(['2']);
    expect(await statesOf(made, 'note-0')).toEqual(['1 retired', '2 active']);
    expect(await opened(setup({ beside: made }), collection, 'note-0')).toMatchObject({
      body: 'of note-0',
      tags: ['x', 'y'],
    });
    const [rewritten] = eventsOf(migrated, 'changed');
    expect(rewritten?.retired).toEqual([(await rowOf(made, 'note-0', 1)).id]);
  });

  it('replaces each document once, unless it is to shred', async () => {
    const [made, collection] = await sealedNotes(2);
    await reencrypt(made, collection);
    expect(collection.probe.calls['replace']).toBe(2);
  });

  it('keeps the epoch of the row that it retires', async () => {
    const [made, collection] = await sealedNotes(1);
    await rewrap(withKeys(made, ['b', 'a']));
    await reencrypt(withKeys(made, ['b', 'a']), collection);
    expect(await rowOf(made, 'note-0', 1)).toMatchObject({ state: 'retired', epoch: 2 });
  });

  it('that is run again with the same moment mints and writes nothing', async () => {
    const [made, collection] = await sealedNotes(2);
    made.clock.advance(1_000);
    const createdBefore = new Date(made.clock.wallMs());
    await migrate(
      reencryptDocuments(made.encryptor, note, collection.store, {
        allowEmpty: true,
        createdBefore,
      }),
      made.clock,
    );
    made.store.reset();
    collection.probe.reset();
    const again = await migrate(
      reencryptDocuments(made.encryptor, note, collection.store, {
        allowEmpty: true,
        createdBefore,
      }),
      made.clock,
    );
    expect(again.summary).toMatchObject({ complete: true, changed: 0, retired: 0 });
    expect(made.store.calls).not.toHaveProperty('create');
    expect(made.store.calls).not.toHaveProperty('replace');
    expect(collection.probe.calls).not.toHaveProperty('replace');
  });

  it('shreds only when asked, after a whole fence and a new etag for every document', async () => {
    const [made, collection] = await sealedNotes(2);
    const retiredAtMs = made.clock.wallMs();
    const migrated = await reencrypt(made, collection, { shred: true });
    expect(migrated.summary).toMatchObject({ complete: true, retired: 2, shredded: 2 });
    expect(collection.probe.calls['replace']).toBe(4);
    expect(await statesOf(made, 'note-1')).toEqual(['1 shredded', '2 active']);
    const tombstone = await rowOf(made, 'note-1', 1);
    if (tombstone.state !== 'shredded') throw new Error('It is no tombstone');
    expect(Date.parse(tombstone.shreddedAt) - retiredAtMs).toBeGreaterThanOrEqual(30_000);
    const types = migrated.events.map(({ type }) => type);
    expect(types.indexOf('fence')).toBeGreaterThan(
      types.lastIndexOf('passed', types.indexOf('fence')),
    );
    expect(await opened(setup({ beside: made }), collection, 'note-1')).toMatchObject({
      body: 'of note-1',
    });
  });

  it('shreds nothing before the whole fence is over', async () => {
    const [made, collection] = await sealedNotes(1);
    made.clock.advance(1_000);
    const createdBefore = new Date(made.clock.wallMs());
    const options = { createdBefore, shred: true };
    const migration = reencryptDocuments(made.encryptor, note, collection.store, {
      allowEmpty: true,
      ...options,
    });
    const fence = await migrateUntil(migration, made.clock, 'fence');
    expect(fence).toMatchObject({ remainingMs: 30_000 });
    await migration.return({} as never);
    expect(await statesOf(made, 'note-0')).toEqual(['1 retired', '2 active']);
  });

  it('rewrites what a slow writer sealed under the old DEK, before that is shredded', async () => {
    const [made, collection] = await sealedNotes(1);
    const writer = setup({ beside: made });
    const late = await encryptAny(writer.encryptor, {
      ...KEY,
      id: 'note-0',
      body: 'late',
      tags: [],
    });
    expect(envelopeAt(late, 'body').dekId).toMatch(/\.1$/);
    made.clock.advance(1_000);
    const createdBefore = new Date(made.clock.wallMs());
    const options = { createdBefore, shred: true };
    const migration = reencryptDocuments(made.encryptor, note, collection.store, {
      allowEmpty: true,
      ...options,
    });
    await migrateUntil(migration, made.clock, 'fence');
    await put(collection, late);
    const { summary } = await migrate(migration, made.clock);
    expect(summary).toMatchObject({ complete: true, shredded: 1 });
    expect(await opened(setup({ beside: made }), collection, 'note-0')).toMatchObject({
      body: 'late',
    });
  });

  it('lets a concurrent edit win', async () => {
    const [made, collection] = await sealedNotes(1);
    const edited = await encryptAny(setup({ beside: made }).encryptor, {
      ...KEY,
      id: 'note-0',
      body: 'edited',
      tags: [],
    });
    collection.probe.before = async (method) => {
      if (method !== 'replace') return;
      collection.probe.before = () => undefined;
      await put(collection, edited);
    };
    const { summary } = await reencrypt(made, collection);
    expect(summary.complete).toBe(true);
    expect(await opened(made, collection, 'note-0')).toMatchObject({ body: 'edited' });
    expect((await stored(collection, 'note-0'))['body']).toMatchObject({
      dekId: (await rowOf(made, 'note-0', 2)).id,
    });
  });

  it('has the new row before the document, and the old one as long as the document', async () => {
    const [made, collection] = await sealedNotes(1);
    const seen: string[] = [];
    collection.probe.before = async (method) => {
      if (method === 'replace') seen.push(...(await statesOf(made, 'note-0')));
    };
    await reencrypt(made, collection);
    expect(seen).toEqual(['1 active', '2 active']);
  });

  it('lists a document that cannot be opened, makes it no DEK, and does the rest', async () => {
    const [made, collection] = await sealedNotes(2);
    const document = await stored(collection, 'note-0');
    const { ct } = envelopeAt(document, 'body');
    const body = { ...envelopeAt(document, 'body'), ct: `${ct.slice(0, -6)}AAAAAA` };
    await put(collection, { ...document, body });
    const migrated = await reencrypt(made, collection, { shred: true });
    expect(migrated.summary).toMatchObject({ complete: false, failed: 1, shredded: 1 });
    expect(eventsOf(migrated, 'failed')[0]).toMatchObject({
      key: { ...KEY, id: 'note-0' },
      error: { code: 'TAMPERED' },
    });
    expect(await stored(collection, 'note-0')).toEqual({ ...document, body });
    expect(await statesOf(made, 'note-0')).toEqual(['1 active']);
  });

  it('brings nothing back that was shredded in the meantime', async () => {
    const [made, collection] = await sealedNotes(1);
    const document = await stored(collection, 'note-0');
    made.store.before = async (method) => {
      if (method !== 'create') return;
      made.store.before = () => undefined;
      await setup({ beside: made }).encryptor.shred(note, { ...KEY, id: 'note-0' });
    };
    const migrated = await reencrypt(made, collection);
    expect(eventsOf(migrated, 'failed')[0]?.error).toMatchObject({
      code: 'DEK_SHREDDED',
      message: `DEK ${(await rowOf(made, 'note-0', 1)).id} was shredded: the data that it sealed is deleted, and is not encrypted again`,
    });
    expect(await stored(collection, 'note-0')).toEqual(document);
  });

  it('waits again before it shreds, where it had to retire another row after the wait', async () => {
    const [made, collection] = await sealedNotes(1);
    const late = { ...KEY, id: 'late', body: 'b', tags: [] };
    const sealed = await encryptAny(made.encryptor, late);
    made.clock.advance(1_000);
    const createdBefore = new Date(made.clock.wallMs());
    const options = { createdBefore, shred: true };
    const migration = reencryptDocuments(made.encryptor, note, collection.store, {
      allowEmpty: true,
      ...options,
    });
    await migrateUntil(migration, made.clock, 'fence');
    await put(collection, sealed);
    const { events, summary } = await migrate(migration, made.clock);
    expect(summary).toMatchObject({ complete: true, retired: 2, shredded: 2 });
    const waits = events.filter((event) => event.type === 'fence' && event.remainingMs === 30_000);
    expect(waits).toHaveLength(1);
    expect(await statesOf(made, 'late')).toEqual(['1 shredded', '2 active']);
  });

  it('shreds nothing of a row whose retirement was not confirmed', async () => {
    const [made, collection] = await sealedNotes(1);
    made.store.before = (method, [row]) => {
      const { state } = (row ?? {}) as { state?: string };
      if (method === 'replace' && state === 'retired') {
        throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
      }
    };
    const { summary } = await reencrypt(made, collection, { shred: true });
    expect(summary).toMatchObject({ complete: false, shredded: 0, failed: 1 });
    expect(await statesOf(made, 'note-0')).toEqual(['1 active', '2 active']);
  });

  it('shreds nothing of a document in a run in which the time of its retirement is unknown', async () => {
    const [made, collection] = await sealedNotes(2);
    const isRetirement = (method: string, [row]: readonly unknown[]): boolean =>
      method === 'replace' && (row as DekRow).state === 'retired';
    let lost = 0;
    made.store.before = (method, args) => {
      if (!isRetirement(method, args) || lost === 8) return;
      if ((args[0] as DekRow).scope.at(-1) !== 'note-0') return;
      lost += 1;
      throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
    };
    const { summary } = await reencrypt(made, collection, { shred: true });
    expect(summary).toMatchObject({ complete: false, retired: 2, shredded: 1, failed: 1 });
    expect(await statesOf(made, 'note-0')).toEqual(['1 retired', '2 active']);
    expect(await statesOf(made, 'note-1')).toEqual(['1 shredded', '2 active']);
    const again = await reencrypt(made, collection, { shred: true });
    expect(again.summary.complete).toBe(true);
  });

  it('shreds nothing of a document that it could not give a new etag', async () => {
    const [made, collection] = await sealedNotes(1);
    made.clock.advance(1_000);
    const createdBefore = new Date(made.clock.wallMs());
    const options = { createdBefore, shred: true };
    const migration = reencryptDocuments(made.encryptor, note, collection.store, {
      allowEmpty: true,
      ...options,
    });
    await migrateUntil(migration, made.clock, 'fence');
    collection.probe.before = (method) => {
      if (method === 'replace') throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
    };
    const { summary } = await migrate(migration, made.clock);
    expect(summary).toMatchObject({ complete: false, shredded: 0, failed: 1 });
    expect(await statesOf(made, 'note-0')).toEqual(['1 retired', '2 active']);
  });

  it('writes no row with a mac, which would no longer be true', async () => {
    const [made, collection] = await sealedNotes(1);
    const row = await rowOf(made, 'note-0', 1);
    const mac = { macKeyId: '0123456789abcdef', mac: 'A'.repeat(43) };
    await alterRow(made, row.id, mac);
    const migrated = await reencrypt(made, collection);
    expect(eventsOf(migrated, 'failed')[0]?.error).toMatchObject({ code: 'ROW_UNSUPPORTED' });
    expect(await rowOf(made, 'note-0', 1)).toEqual({ ...row, ...mac });
  });

  it('waits longer where reads of the store lag: before it lists rows, for writers, for its own scan', async () => {
    const [made, collection] = await sealedNotes(1);
    Object.assign(made.memory, { readLagMs: () => Promise.resolve(4_000) });
    const waits = eventsOf(await reencrypt(made, collection), 'fence');
    expect(waits[0]?.remainingMs).toBe(4_000);
    expect(waits.filter(({ remainingMs }) => remainingMs > 4_000)[0]?.remainingMs).toBe(38_000);
  });

  it('takes a retirement whose answer was lost as done once it was read', async () => {
    const [made, collection] = await sealedNotes(1);
    made.store.after = (method, result) => {
      const { value } = (result ?? {}) as { value?: { state?: string } };
      if (method !== 'replace' || value?.state !== 'retired') return result;
      throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
    };
    const { summary } = await reencrypt(made, collection, { shred: true });
    expect(summary).toMatchObject({ complete: true, retired: 1, shredded: 1 });
  });

  it('does not report as its own what someone else retired, while its own write failed', async () => {
    const [made, collection] = await sealedNotes(1);
    made.store.before = async (method, [value]) => {
      const row = value as DekRow;
      if (method !== 'replace' || row.state !== 'retired') return;
      const stored = await made.memory.get(row.id);
      const retiredAt = '2026-01-01T00:00:00.000Z';
      await made.memory.replace({ ...row, retiredAt }, String(stored?.etag));
      throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
    };
    const { events, summary } = await reencrypt(made, collection);
    expect(summary).toMatchObject({ complete: true, changed: 1, retired: 0 });
    expect(events.filter((event) => 'retired' in event)).toEqual([]);
  });

  it('tells the cache of the encryptor what was shredded', async () => {
    const [made, collection] = await sealedNotes(1);
    const document = await stored(collection, 'note-0');
    await opened(made, collection, 'note-0');
    await reencrypt(made, collection, { shred: true });
    expect(await rejection(made.encryptor.decryptDocument(note, document as never))).toMatchObject({
      code: 'DEK_SHREDDED',
    });
  });
});
