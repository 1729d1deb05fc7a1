import { describe, expect, it } from 'vitest';
import type { ActiveDekRow } from '../../../src/adapters.js';
import { defineDocument, findMissingDeks, findOrphanDeks, StoreError } from '../../../src/index.js';
import { sampleRow } from '../../../src/testing/sample-items.js';
import { dekIdOf as idOfDek, scopeIdOf } from '../../../src/format/key-scope.js';
import { encryptAny, KEY, note, setup, type Setup } from '../../support/encryptor.js';
import { describeError, rejection } from '../../support/failure.js';
import { put, sealedNotes, stored, type Notes } from '../../support/migrations.js';
import { alterRow, rows } from '../../support/rotations.js';

const HOUR_MS = 3_600_000;

async function sealedForAnHour(count: number): Promise<readonly [Setup, Notes]> {
  const [made, collection] = await sealedNotes(count);
  made.clock.advance(HOUR_MS);
  return [made, collection];
}

async function drained<Event>(events: AsyncGenerator<Event, unknown, void>): Promise<Event[]> {
  const all: Event[] = [];
  for await (const event of events) all.push(event);
  return all;
}

async function remove({ memory }: Notes, id: string): Promise<void> {
  const item = await memory.get({ ...KEY, id });
  await memory.delete({ ...KEY, id }, String(item?.etag));
}

async function dekIdOf(made: Setup, id: string): Promise<string> {
  const row = (await rows(made)).find(({ scope }) => scope.at(-1) === id);
  if (!row) throw new Error('There is no such row');
  return row.id;
}

function sharedScope(...scope: readonly string[]): Partial<ActiveDekRow> {
  const scopeId = scopeIdOf('shared', 'notelett', scope);
  return { id: idOfDek(scopeId, 1), scopeId, scopeKind: 'shared', scope };
}

function writes(made: Setup, { probe }: Notes): readonly string[] {
  return [...Object.keys(made.store.calls), ...Object.keys(probe.calls)].filter((method) =>
    /^(create|replace|delete)/.test(method),
  );
}

describe('a search for orphaned DEKs', () => {
  it('names the rows whose document is gone, and writes nothing', async () => {
    const [made, collection] = await sealedForAnHour(3);
    await remove(collection, 'note-1');
    const events = await drained(findOrphanDeks(made.encryptor, note, collection.store));
    expect(events[0]).toMatchObject({
      type: 'orphan',
      dekId: await dekIdOf(made, 'note-1'),
      key: { ...KEY, id: 'note-1' },
      state: 'active',
    });
    expect(events.slice(1)).toEqual([
      {
        type: 'finished',
        summary: {
          product: 'notelett',
          collection: 'notes',
          scanned: 3,
          orphans: 1,
          present: 2,
          young: 0,
          skipped: 0,
          failed: 0,
        },
      },
    ]);
    expect(writes(made, collection)).toEqual([]);
  });

  it('leaves out what was just made: its document may be on its way', async () => {
    const [made, collection] = await sealedForAnHour(0);
    await encryptAny(made.encryptor, { ...KEY, body: 'on its way' });
    made.clock.advance(HOUR_MS - 1);
    const [young] = await drained(findOrphanDeks(made.encryptor, note, collection.store));
    expect(young).toMatchObject({ summary: { young: 1, orphans: 0 } });
    made.clock.advance(1);
    const [orphan] = await drained(findOrphanDeks(made.encryptor, note, collection.store));
    expect(orphan).toMatchObject({ type: 'orphan' });
  });

  it('leaves out tombstones and other collections', async () => {
    const [made, collection] = await sealedForAnHour(1);
    await remove(collection, 'note-0');
    await made.encryptor.shred(note, { ...KEY, id: 'note-0' });
    const events = await drained(findOrphanDeks(made.encryptor, note, collection.store));
    expect(events).toMatchObject([{ type: 'finished', summary: { skipped: 1, orphans: 0 } }]);
  });

  it('leaves out a row of another collection, and one that documents share', async () => {
    const [made, collection] = await sealedForAnHour(2);
    await remove(collection, 'note-0');
    await remove(collection, 'note-1');
    const tasks = defineDocument<{ id: string; body: string }>()({
      collection: 'tasks',
      key: ['id'],
      fields: ['body'],
    });
    const [task] = await drained(findOrphanDeks(made.encryptor, tasks, collection.store));
    expect(task).toMatchObject({ summary: { skipped: 2, orphans: 0, failed: 0 } });
    await made.memory.create({
      ...sampleRow({ product: 'notelett' }),
      ...sharedScope('notes', 'ws-1'),
    });
    const events = await drained(findOrphanDeks(made.encryptor, note, collection.store));
    expect(events.at(-1)).toMatchObject({ summary: { skipped: 1, orphans: 2, failed: 0 } });
  });

  it('leaves out a row that was shredded together with its document, meanwhile', async () => {
    const [made, collection] = await sealedForAnHour(1);
    collection.probe.before = async (method) => {
      if (method !== 'get') return;
      await remove(collection, 'note-0');
      await made.encryptor.shred(note, { ...KEY, id: 'note-0' });
    };
    const events = await drained(findOrphanDeks(made.encryptor, note, collection.store));
    expect(events).toMatchObject([{ summary: { skipped: 1, orphans: 0 } }]);
  });

  it('names a row whose scope has another number of key parts than the definition', async () => {
    const [made, collection] = await sealedForAnHour(1);
    const other = defineDocument<{ id: string; body: string }>()({
      collection: 'notes',
      key: ['id'],
      fields: ['body'],
    });
    const [failed] = await drained(findOrphanDeks(made.encryptor, other, collection.store));
    if (failed?.type !== 'failed') throw new Error('It did not fail');
    expect(describeError(failed.error)).toEqual({
      name: 'RangeError',
      message: `DEK row ${await dekIdOf(made, 'note-0')} names a document of "notes" by 2 key parts, and the definition has 1: pass the definition that the document was encrypted with`,
    });
  });

  it('never takes a failed read for a document that is gone', async () => {
    const [made, collection] = await sealedForAnHour(1);
    collection.probe.before = (method) => {
      if (method === 'get') throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
    };
    const events = await drained(findOrphanDeks(made.encryptor, note, collection.store));
    expect(events).toMatchObject([
      { type: 'failed', error: { code: 'STORE_UNAVAILABLE' } },
      { summary: { orphans: 0, failed: 1 } },
    ]);
    collection.probe.before = () => undefined;
    collection.probe.after = (method, result) => (method === 'get' ? null : result);
    const [odd] = await drained(findOrphanDeks(made.encryptor, note, collection.store));
    expect(odd).toMatchObject({ type: 'failed', error: { code: 'ADAPTER_CONTRACT' } });
  });

  it('names a row that cannot be read, and goes on', async () => {
    const [made, collection] = await sealedForAnHour(2);
    await alterRow(made, await dekIdOf(made, 'note-0'), { commitment: 'x' });
    const events = await drained(findOrphanDeks(made.encryptor, note, collection.store));
    expect(events.at(-1)).toMatchObject({ summary: { failed: 1, present: 1 } });
  });

  it('stops when its signal aborts', async () => {
    const [made, collection] = await sealedForAnHour(1);
    const signal = AbortSignal.abort(new Error('enough'));
    const events = findOrphanDeks(made.encryptor, note, collection.store, { signal });
    expect(await rejection(drained(events))).toMatchObject({ message: 'enough' });
  });

  it('refuses options that it does not have', async () => {
    const [made, collection] = await sealedForAnHour(1);
    const options = { minAge: 1 } as never;
    const error = await rejection(
      drained(findOrphanDeks(made.encryptor, note, collection.store, options)),
    );
    expect(describeError(error).message).toBe(
      '"minAge" is no option: expected concurrency, allowEmpty, minAgeMs, signal; did you mean "minAgeMs"?',
    );
  });
});

describe('a search for missing DEKs', () => {
  it('names documents whose row is absent or shredded, with the paths that are lost', async () => {
    const [made, collection] = await sealedForAnHour(3);
    const other = setup();
    const gone = await encryptAny(other.encryptor, { ...KEY, id: 'gone', body: 'b', tags: ['x'] });
    await put(collection, gone);
    await made.encryptor.shred(note, { ...KEY, id: 'note-2' });
    made.store.reset();
    const events = await drained(findMissingDeks(made.encryptor, note, collection.store));
    const missing = events.filter((event) => event.type === 'missing');
    expect(missing.sort((a, b) => a.reason.localeCompare(b.reason))).toMatchObject([
      { key: { ...KEY, id: 'gone' }, reason: 'absent', paths: ['body', 'tags[]'] },
      { key: { ...KEY, id: 'note-2' }, reason: 'shredded', paths: ['body', 'tags[]'] },
    ]);
    expect(events.at(-1)).toMatchObject({
      summary: { scanned: 4, sound: 2, affected: 2, missing: 2, failed: 0 },
    });
    expect(made.store.calls).toMatchObject({ getMany: 1 });
    expect(writes(made, collection)).toEqual([]);
  });

  it('sees envelopes where the definition declares no field, too', async () => {
    const [made, collection] = await sealedForAnHour(1);
    const { body } = await stored(collection, 'note-0');
    await put(collection, { ...KEY, id: 'note-0', former: { body } });
    await made.encryptor.shred(note, { ...KEY, id: 'note-0' });
    const [missing] = await drained(findMissingDeks(made.encryptor, note, collection.store));
    expect(missing).toMatchObject({ type: 'missing', reason: 'shredded', paths: ['former.body'] });
  });

  it('asks once more before it calls a row absent', async () => {
    const [made, collection] = await sealedForAnHour(1);
    made.store.after = (method, result) => (method === 'getMany' ? new Map() : result);
    const events = await drained(findMissingDeks(made.encryptor, note, collection.store));
    expect(events).toMatchObject([{ summary: { sound: 1, missing: 0 } }]);
  });

  it('rejects where the store cannot be read', async () => {
    const [made, collection] = await sealedForAnHour(1);
    made.store.before = (method) => {
      if (method === 'getMany') throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
    };
    const events = findMissingDeks(made.encryptor, note, collection.store);
    expect(await rejection(drained(events))).toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  it('looks at a document again that was written meanwhile', async () => {
    const [made, collection] = await sealedForAnHour(1);
    await made.encryptor.shred(note, { ...KEY, id: 'note-0' });
    const plain = { ...KEY, id: 'note-0', body: 'anew', tags: [] };
    collection.probe.before = async (method) => {
      if (method === 'get') await put(collection, await encryptAny(made.encryptor, plain));
    };
    const events = await drained(findMissingDeks(made.encryptor, note, collection.store));
    expect(events).toMatchObject([{ summary: { sound: 1, missing: 0 } }]);
  });

  it('leaves out a document that was deleted meanwhile', async () => {
    const [made, collection] = await sealedForAnHour(1);
    await made.encryptor.shred(note, { ...KEY, id: 'note-0' });
    collection.probe.before = async (method) => {
      if (method === 'get') await remove(collection, 'note-0');
    };
    const events = await drained(findMissingDeks(made.encryptor, note, collection.store));
    expect(events).toMatchObject([{ summary: { skipped: 1, missing: 0 } }]);
  });

  it('gives up on a document that changes at every look', async () => {
    const [made, collection] = await sealedForAnHour(1);
    await made.encryptor.shred(note, { ...KEY, id: 'note-0' });
    collection.probe.before = async (method) => {
      if (method === 'get') await put(collection, await stored(collection, 'note-0'));
    };
    const events = await drained(findMissingDeks(made.encryptor, note, collection.store));
    expect(events[0]).toMatchObject({ type: 'failed', error: { code: 'CONTENDED' } });
  });

  it('names a document whose row cannot be read', async () => {
    const [made, collection] = await sealedForAnHour(1);
    await alterRow(made, await dekIdOf(made, 'note-0'), { commitment: 'x' });
    const events = await drained(findMissingDeks(made.encryptor, note, collection.store));
    expect(events[0]).toMatchObject({ type: 'failed', error: { code: 'TAMPERED' } });
  });

  it('goes through every page', async () => {
    const [made, collection] = await sealedForAnHour(250);
    const missing = await drained(findMissingDeks(made.encryptor, note, collection.store));
    expect(missing).toMatchObject([{ summary: { scanned: 250, sound: 250 } }]);
    const orphans = await drained(findOrphanDeks(made.encryptor, note, collection.store));
    expect(orphans).toMatchObject([{ summary: { scanned: 250, present: 250 } }]);
  });

  it('names a document whose envelopes are unknown, and continues', async () => {
    const [made, collection] = await sealedForAnHour(2);
    await put(collection, { ...(await stored(collection, 'note-0')), body: { _enc: 1 } });
    const events = await drained(findMissingDeks(made.encryptor, note, collection.store));
    expect(events).toMatchObject([
      { type: 'failed', key: { ...KEY, id: 'note-0' }, error: { code: 'TAMPERED' } },
      { summary: { sound: 1, failed: 1 } },
    ]);
  });
});
