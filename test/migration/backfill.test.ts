import { describe, expect, it } from 'vitest';
import { backfillDocuments, countPlaintext, StoreError } from '../../src/index.js';
import { encryptAny, envelopeAt, KEY, note, PRODUCT, setup } from '../support/encryptor.js';
import { describeError, failure, rejection } from '../support/failure.js';
import {
  addPlain,
  backfill,
  eventsOf,
  migrateUntil,
  notes,
  opened,
  put,
  stored,
} from '../support/migrations.js';

describe('a backfill', () => {
  it('seals every declared field that is plain, and says so document by document', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 3);
    const migrated = await backfill(made, collection);
    expect(await countPlaintext(note, collection.memory)).toEqual({
      documents: 0,
      fields: 0,
      scanned: 3,
    });
    expect(await opened(made, collection, 'note-2')).toEqual({
      ...KEY,
      id: 'note-2',
      body: 'of note-2',
      tags: ['x', 'y'],
    });
    expect(eventsOf(migrated, 'changed').at(-1)).toMatchObject({
      key: { ...KEY, id: 'note-2' },
      fields: 3,
      counts: { scanned: 3, changed: 3, unchanged: 0, skipped: 0, failed: 0, wouldChange: 0 },
    });
    expect(migrated.summary).toEqual({
      run: 'backfillDocuments',
      durationMs: 0,
      product: PRODUCT,
      collection: 'notes',
      dryRun: false,
      complete: true,
      passes: 2,
      failures: {},
      changed: 3,
      fields: 9,
      retired: 0,
      shredded: 0,
      scanned: 3,
      unchanged: 3,
      skipped: 0,
      failed: 0,
      wouldChange: 0,
    });
    expect(migrated.events.at(-1)).toEqual({ type: 'finished', summary: migrated.summary });
  });

  it('does nothing before the first next()', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 1);
    backfillDocuments(made.encryptor, note, collection.store, { allowEmpty: true });
    expect([made.store.calls, collection.probe.calls]).toEqual([{}, {}]);
  });

  it('that is run again writes no document', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 2);
    await backfill(made, collection);
    collection.probe.reset();
    const { summary } = await backfill(made, collection);
    expect(summary).toMatchObject({ complete: true, passes: 1, changed: 0, unchanged: 2 });
    expect(collection.probe.calls).not.toHaveProperty('replace');
  });

  it('completes a document that is partly sealed, and keeps what is sealed as it is', async () => {
    const [made, collection] = [setup(), notes()];
    const sealed = await encryptAny(made.encryptor, { ...KEY, body: 'sealed' });
    await put(collection, { ...sealed, title: 'plain' });
    const { summary } = await backfill(made, collection);
    expect(summary).toMatchObject({ complete: true, changed: 1, fields: 1 });
    const after = await stored(collection, KEY.id);
    expect(after['body']).toEqual(sealed['body']);
    expect(await opened(made, collection, KEY.id)).toEqual({
      ...KEY,
      body: 'sealed',
      title: 'plain',
    });
  });

  it('lets a concurrent edit win, and looks at the document again', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 1);
    collection.probe.before = async (method) => {
      if (method !== 'replace') return;
      collection.probe.before = () => undefined;
      await put(collection, { ...KEY, id: 'note-0', body: 'edited', tags: [] });
    };
    const { summary } = await backfill(made, collection);
    expect(summary).toMatchObject({ complete: true, changed: 1 });
    expect(await opened(made, collection, 'note-0')).toMatchObject({ body: 'edited', tags: [] });
  });

  it('skips a document that was removed on the way', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 1);
    collection.probe.before = async (method) => {
      if (method !== 'replace') return;
      const item = await collection.memory.get({ ...KEY, id: 'note-0' });
      await collection.memory.delete({ ...KEY, id: 'note-0' }, String(item?.etag));
    };
    const migrated = await backfill(made, collection);
    expect(eventsOf(migrated, 'skipped')).toMatchObject([{ reason: 'removed' }]);
    expect(migrated.summary).toMatchObject({ complete: true, scanned: 0 });
    expect(await collection.memory.count()).toBe(0);
  });

  it('takes a write whose answer was lost for its own', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 1);
    collection.probe.after = (method, result) => {
      if (method !== 'replace') return result;
      throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
    };
    const { summary } = await backfill(made, collection);
    expect(summary).toMatchObject({ complete: true, changed: 1, failed: 0 });
  });

  it('lists what cannot be encrypted with its reason, and does the rest', async () => {
    const [made, collection] = [setup(), notes()];
    const odd: Record<string, unknown> = {
      misshapen: { meta: 'text' },
      tampered: { body: { _enc: 1, dekId: 'x' }, title: 'plain' },
      large: { body: 'too large' },
    };
    for (const [id, more] of Object.entries(odd))
      await put(collection, { ...KEY, id, ...(more as object) });
    await addPlain(collection, 1);
    collection.probe.before = (method, [document]) => {
      if (method !== 'replace' || (document as { id: string }).id !== 'large') return;
      throw new StoreError('STORE_FAILED', 'The item is larger than the store takes');
    };
    const before = await Promise.all(Object.keys(odd).map((id) => stored(collection, id)));
    const migrated = await backfill(made, collection);
    const failed = eventsOf(migrated, 'failed').slice(0, 3);
    expect(
      Object.fromEntries(failed.map(({ key, error }) => [key['id'], describeError(error).message])),
    ).toEqual({
      misshapen:
        'The value at "meta" expected a plain object, because fields in it are encrypted; got a string',
      tampered:
        'The envelope at "body" is malformed (its properties): restore the document from a backup',
      large: 'The item is larger than the store takes',
    });
    expect(migrated.summary).toMatchObject({ complete: false, changed: 1, failed: 3 });
    expect(await Promise.all(Object.keys(odd).map((id) => stored(collection, id)))).toEqual(before);
  });

  it('seals nothing in a document that has another document’s envelope', async () => {
    const [made, collection] = [setup(), notes()];
    const other = await encryptAny(made.encryptor, { ...KEY, id: 'other', body: 'x' });
    await put(collection, { ...KEY, body: envelopeAt(other, 'body'), title: 'plain' });
    const migrated = await backfill(made, collection);
    expect(eventsOf(migrated, 'failed')[0]?.error).toMatchObject({ code: 'TAMPERED' });
    expect(await stored(collection, KEY.id)).toMatchObject({ title: 'plain' });
  });

  it('in a dry run writes nothing, the lease included, and says what it would do', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 2);
    await put(collection, { ...KEY, id: 'odd', meta: 'text' });
    const migrated = await backfill(made, collection, { dryRun: true });
    expect(migrated.summary).toMatchObject({ complete: false, wouldChange: 2, failed: 1 });
    expect(eventsOf(migrated, 'would-change')[0]).toMatchObject({ fields: 3 });
    expect(eventsOf(migrated, 'begun')).toEqual([
      { type: 'begun', run: 'backfillDocuments', product: PRODUCT, collection: 'notes' },
    ]);
    expect([made.store.calls, Object.keys(collection.probe.calls)]).toEqual([
      {},
      ['count', 'list'],
    ]);
  });

  it('in a dry run names what the run itself will refuse: a sealed part that does not open', async () => {
    const [made, collection] = [setup(), notes()];
    const sealed = await encryptAny(made.encryptor, { ...KEY, body: 'sealed' });
    const body = { ...envelopeAt(sealed, 'body'), ct: 'A'.repeat(40) };
    await put(collection, { ...sealed, body, title: 'still plain' });
    const dry = await backfill(made, collection, { dryRun: true });
    expect(dry.summary).toMatchObject({ failed: 1, wouldChange: 0 });
    expect((await backfill(made, collection)).summary).toMatchObject({ failed: 1, changed: 0 });
    expect(eventsOf(dry, 'failed')[0]?.error).toMatchObject({ code: 'TAMPERED' });
  });

  it('leaves alone what is not selected', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 3);
    const select = (document: Readonly<Record<string, unknown>>): boolean =>
      document['id'] === 'note-1';
    const migrated = await backfill(made, collection, { select });
    expect(migrated.summary).toMatchObject({ complete: true, changed: 1, skipped: 2 });
    expect(await stored(collection, 'note-0')).toMatchObject({ body: 'of note-0' });
  });

  it('goes on where it was left, and gives its lease back when it is', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 5);
    const migration = backfillDocuments(made.encryptor, note, collection.store, {
      allowEmpty: true,
      concurrency: 1,
    });
    await migrateUntil(migration, made.clock, 'changed');
    await migration.return({} as never);
    const migrated = await backfill(made, collection);
    expect(eventsOf(migrated, 'lease')).toEqual([]);
    expect(migrated.summary.complete).toBe(true);
    expect(migrated.summary.changed).toBeLessThan(5);
  });

  it('stops before the next document when its signal aborts', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 5);
    const controller = new AbortController();
    const { signal } = controller;
    const options = { concurrency: 1, signal };
    const migration = backfillDocuments(made.encryptor, note, collection.store, {
      allowEmpty: true,
      ...options,
    });
    await migrateUntil(migration, made.clock, 'changed');
    controller.abort(new Error('enough'));
    expect(await rejection(migration.next())).toMatchObject({ message: 'enough' });
    expect(collection.probe.calls['replace']).toBeLessThan(3);
  });

  it('fails where the store cannot list, and never takes that for an empty collection', async () => {
    const [made, collection] = [setup(), notes()];
    collection.probe.after = (method, result) => (method === 'list' ? null : result);
    expect(await failure(backfill(made, collection))).toEqual({
      name: 'FieldEncryptionError',
      code: 'ADAPTER_CONTRACT',
      message:
        'The document store broke rule D6: list returned an unexpected value; fix the adapter',
    });
  });

  it('ends where the store returns the same page forever', async () => {
    const [made, collection] = [setup(), notes()];
    collection.probe.after = (method, result) =>
      method === 'list' ? { items: [], continuation: 'again' } : result;
    expect(await rejection(backfill(made, collection))).toMatchObject({ code: 'ADAPTER_CONTRACT' });
  });

  it('is refused with encryption switched off', async () => {
    const [made, collection] = [setup({ enabled: false }), notes()];
    expect(await failure(backfill(made, collection))).toEqual({
      name: 'RangeError',
      message:
        'backfillDocuments expected an encryption context with "enabled: true", like its writers, got "enabled: false"',
    });
  });

  it.each([
    [{ concurrency: 0 }, '"concurrency" expected an integer from 1 to 1000, got 0'],
    [
      { dryrun: true },
      '"dryrun" is no option: expected upgrade, stage, select, owner, leaseTtlMs, concurrency, dryRun, maxFailures, allowEmpty, maxVaultOpsPerSecond, reserveForTraffic, signal; did you mean "dryRun"?',
    ],
    [{ dryRun: 'yes' }, '"dryRun" expected a boolean, got a string'],
    [{ select: 'all' }, '"select" expected a function, got a string'],
    [{ signal: {} }, '"signal" expected an AbortSignal, got an object'],
    [{ owner: '' }, '"owner" expected a non-empty string, got an empty one'],
    [{ leaseTtlMs: 10 }, '"leaseTtlMs" expected an integer from 1000 to 600000, got 10'],
  ])('refuses the options %j', async (options, message) => {
    const [made, collection] = [setup(), notes()];
    expect((await failure(backfill(made, collection, options as never))).message).toBe(message);
    expect(made.store.calls).toEqual({});
  });
});
