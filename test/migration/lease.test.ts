import { readLeaseItem } from '../../src/store/dek-store.js';
import { describe, expect, it } from 'vitest';
import type { Lease } from '../../src/adapters.js';
import { backfillDocuments, StoreError } from '../../src/index.js';
import { sampleLease } from '../../src/testing/sample-items.js';
import { KEY, note, setup, type Setup } from '../support/encryptor.js';
import { describeError, failure, rejection } from '../support/failure.js';
import {
  addPlain,
  backfill,
  eventsOf,
  migrate,
  migrateUntil,
  notes,
  reencrypt,
  stored,
  type Migration,
  type Notes,
} from '../support/migrations.js';

async function leaseOf({ memory }: Setup): Promise<Lease> {
  const item = await readLeaseItem(memory, 'notelett', 'notes');
  return item?.value as Lease;
}

/** A run that got as far as its first document, and is not heard of again unless it is pulled. */
async function begun(collection: Notes, made: Setup, owner = 'web-1'): Promise<Migration> {
  const options = { concurrency: 1, owner };
  const migration = backfillDocuments(made.encryptor, note, collection.store, {
    allowEmpty: true,
    ...options,
  });
  await migrateUntil(migration, made.clock, 'changed');
  return migration;
}

describe('the lease of a collection', () => {
  it('names who holds it, since when and for what', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 3);
    const since = new Date(made.clock.wallMs()).toISOString();
    await begun(collection, made);
    const lease = await leaseOf(made);
    expect(lease).toMatchObject({ id: 'lease:notes', scopeId: 'lease:notelett', kind: 'backfill' });
    expect(lease.owner).toMatch(new RegExp(`^web-1 since ${since} #[0-9a-f]{8}$`));
    expect(Date.parse(lease.expiresAt) - Date.parse(lease.heartbeatAt)).toBe(30_000);
  });

  it('refuses a second run as soon as the first gives a sign of life', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 5);
    const first = await begun(collection, made);
    const { owner } = await leaseOf(made);
    const other = setup({ beside: made });
    const second = backfillDocuments(other.encryptor, note, collection.store, { allowEmpty: true });
    const waiting = await migrateUntil(second, made.clock, 'lease');
    expect(waiting).toMatchObject({ heldBy: owner, kind: 'backfill', remainingMs: 30_000 });
    made.clock.advance(11_000);
    await migrateUntil(first, made.clock, 'changed');
    await migrateUntil(first, made.clock, 'changed');
    const { heartbeatAt } = await leaseOf(made);
    expect(await failure(migrate(second, made.clock))).toEqual({
      name: 'FieldEncryptionError',
      code: 'MIGRATION_UNDER_WAY',
      message: `The lease of "notes" is held by "${owner}" for backfill, last seen at ${heartbeatAt}: wait until it has finished, or stop it, and run this again`,
    });
  });

  it('is taken over after a whole period of silence, and the first run then stops', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 5);
    const first = await begun(collection, made);
    const startMs = made.clock.wallMs();
    const migrated = await reencrypt(setup({ beside: made }), collection, { owner: 'web-2' });
    const waits = eventsOf(migrated, 'lease').map(({ remainingMs }) => remainingMs);
    expect([waits[0], waits.at(-1)]).toEqual([30_000, 500]);
    expect(made.clock.wallMs() - startMs).toBeGreaterThanOrEqual(30_000);
    const error = await rejection(migrate(first, made.clock));
    const { code, message } = describeError(error);
    expect(code).toBe('MIGRATION_SUPERSEDED');
    expect(message).toMatch(
      /^The lease of "notes" was taken over by "web-2 since [^"]*" for reencrypt while this backfill paused for too long: everything reported as done is stored, and nothing more was written; check the other run before you start again$/,
    );
  });

  it('is not taken over sooner than its owner’s own period allows', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 5);
    await begun(collection, made);
    const second = backfillDocuments(made.encryptor, note, collection.store, {
      allowEmpty: true,
      leaseTtlMs: 1_000,
    });
    expect(await migrateUntil(second, made.clock, 'lease')).toMatchObject({ remainingMs: 30_000 });
  });

  it('is not taken over sooner than the taker’s own period, whatever is stored', async () => {
    const [made, collection] = [setup(), notes()];
    const long = new Date(made.clock.wallMs() - 10_000_000).toISOString();
    const expired = { heartbeatAt: long, expiresAt: new Date(Date.parse(long) + 1).toISOString() };
    await made.memory.createItem({ ...sampleLease('notelett', 'notes'), ...expired });
    const second = backfillDocuments(made.encryptor, note, collection.store, { allowEmpty: true });
    expect(await migrateUntil(second, made.clock, 'lease')).toMatchObject({ remainingMs: 30_000 });
  });

  it('is watched for longer where reads of the store lag', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 5);
    await begun(collection, made);
    Object.assign(made.memory, { readLagMs: () => Promise.resolve(4_000) });
    const second = backfillDocuments(made.encryptor, note, collection.store, { allowEmpty: true });
    expect(await migrateUntil(second, made.clock, 'lease')).toMatchObject({ remainingMs: 34_000 });
  });

  it('that is lost on the way to a document keeps that from being written', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 2);
    made.store.before = async (method) => {
      if (method !== 'listScope') return;
      made.store.before = () => undefined;
      made.clock.advance(30_000);
      const item = await readLeaseItem(made.memory, 'notelett', 'notes');
      const lease = { ...(item?.value as Lease), owner: 'another' };
      await made.memory.replaceItem(lease, String(item?.etag));
    };
    const options = { concurrency: 1 };
    const migration = backfillDocuments(made.encryptor, note, collection.store, {
      allowEmpty: true,
      ...options,
    });
    await migrateUntil(migration, made.clock, 'pass');
    expect(await rejection(migration.next())).toMatchObject({ code: 'MIGRATION_SUPERSEDED' });
    expect(collection.probe.calls).not.toHaveProperty('replace');
  });

  it('is waited for at most ten minutes, whatever is stored', async () => {
    const [made, collection] = [setup(), notes()];
    await made.memory.createItem({
      ...sampleLease('notelett', 'notes'),
      expiresAt: '9999-01-01T00:00:00.000Z',
    } as Lease);
    const second = backfillDocuments(made.encryptor, note, collection.store, { allowEmpty: true });
    expect(await migrateUntil(second, made.clock, 'lease')).toMatchObject({ remainingMs: 600_000 });
  });

  it('is taken at once after its owner gave it back', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 1);
    await backfill(made, collection);
    const { heartbeatAt, expiresAt } = await leaseOf(made);
    expect(expiresAt).toBe(heartbeatAt);
    expect(eventsOf(await backfill(made, collection), 'lease')).toEqual([]);
  });

  it('is released by a run that fails, too', async () => {
    const [made, collection] = [setup(), notes()];
    collection.probe.before = (method) => {
      if (method === 'list') throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
    };
    expect(await rejection(backfill(made, collection))).toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
    const { heartbeatAt, expiresAt } = await leaseOf(made);
    expect(expiresAt).toBe(heartbeatAt);
  });

  it('is renewed while its run goes on', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 4);
    const first = await begun(collection, made);
    const { heartbeatAt } = await leaseOf(made);
    made.clock.advance(10_000);
    await migrateUntil(first, made.clock, 'changed');
    await migrateUntil(first, made.clock, 'changed');
    expect(Date.parse((await leaseOf(made)).heartbeatAt) - Date.parse(heartbeatAt)).toBe(10_000);
  });

  it('is renewed by a run that only reads, and by one that waits', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 30);
    await backfill(made, collection);
    const reading = backfillDocuments(made.encryptor, note, collection.store, {
      allowEmpty: true,
      concurrency: 1,
    });
    await migrateUntil(reading, made.clock, 'unchanged');
    made.clock.advance(10_000);
    await migrateUntil(reading, made.clock, 'unchanged');
    await migrateUntil(reading, made.clock, 'unchanged');
    expect(Date.parse((await leaseOf(made)).heartbeatAt)).toBe(made.clock.wallMs());
    await reading.return({} as never);

    const waiting = await reencrypt(made, collection);
    expect(eventsOf(waiting, 'fence').length).toBeGreaterThan(10);
    expect(made.store.calls['replaceLease']).toBeGreaterThan(4);
  });

  it('is one for each collection', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 3);
    await made.memory.createItem({
      ...sampleLease('notelett', 'tasks'),
      expiresAt: '2999-01-01T00:00:00.000Z',
    } as Lease);
    expect(eventsOf(await backfill(made, collection), 'lease')).toEqual([]);
  });

  it('that was altered stops every run before it writes', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 1);
    await made.memory.createItem({
      ...sampleLease('notelett', 'notes'),
      heartbeatAt: 'never',
    } as Lease);
    expect(await failure(backfill(made, collection))).toEqual({
      name: 'TamperedError',
      code: 'TAMPERED',
      message: 'The lease of "notes" was altered (heartbeatAt): restore it from a backup',
    });
    expect(await stored(collection, 'note-0')).toMatchObject({
      ...KEY,
      id: 'note-0',
      body: 'of note-0',
    });
  });

  it('outlives a heartbeat that failed, and is lost with the last third of the period', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 5);
    const run = await begun(collection, made);
    made.clock.advance(10_000);
    made.store.before = (method) => {
      if (method === 'replaceLease') throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
    };
    await migrateUntil(run, made.clock, 'changed');
    made.clock.advance(10_000);
    expect(await rejection(migrate(run, made.clock))).toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  it('is still its owner’s after a heartbeat with an unknown outcome', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 5);
    const run = await begun(collection, made);
    made.clock.advance(10_000);
    const lost = new Set<string>();
    made.store.after = (method, result) => {
      if (!/Lease$/.test(method) || lost.has(method)) return result;
      lost.add(method);
      throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
    };
    const migrated = await migrate(run, made.clock);
    expect([...lost]).toEqual(['replaceLease', 'getLease']);
    expect(migrated.summary).toMatchObject({ complete: true, changed: 5 });
  });

  it('is held after a write whose answer was lost', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 1);
    made.store.after = (method, result) => {
      if (method !== 'createLease') return result;
      throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
    };
    const migrated = await backfill(made, collection);
    expect(eventsOf(migrated, 'lease')).toEqual([]);
    expect(migrated.summary.complete).toBe(true);
  });
});
