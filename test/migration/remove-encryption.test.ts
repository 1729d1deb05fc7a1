import { describe, expect, it } from 'vitest';
import { removeEncryption, type MigrationOptions } from '../../src/index.js';
import { encryptAny, KEY, note, setup, type Setup } from '../support/encryptor.js';
import { describeError, failure } from '../support/failure.js';
import {
  eventsOf,
  migrate,
  put,
  sealedNotes,
  stored,
  type Migrated,
  type Notes,
} from '../support/migrations.js';

/** The processes are switched off, and so is the one that removes. */
function remove(made: Setup, { store }: Notes, options?: MigrationOptions): Promise<Migrated> {
  const off = setup({ beside: made, enabled: false });
  return migrate(
    removeEncryption(off.encryptor, note, store, { allowEmpty: true, ...options }),
    made.clock,
  );
}

describe('removing encryption', () => {
  it('puts the plaintext back, and leaves the DEKs', async () => {
    const [made, collection] = await sealedNotes(2);
    const { summary } = await remove(made, collection);
    expect(summary).toMatchObject({
      run: 'removeEncryption',
      complete: true,
      changed: 2,
      fields: 6,
    });
    expect(await stored(collection, 'note-1')).toEqual({
      ...KEY,
      id: 'note-1',
      body: 'of note-1',
      tags: ['x', 'y'],
    });
    expect(await made.memory.count({ product: 'notelett' })).toBe(2);
  });

  it('that is run again writes nothing', async () => {
    const [made, collection] = await sealedNotes(1);
    await remove(made, collection);
    collection.probe.reset();
    expect((await remove(made, collection)).summary).toMatchObject({
      complete: true,
      unchanged: 1,
    });
    expect(collection.probe.calls).not.toHaveProperty('replace');
  });

  it('lets a concurrent edit win', async () => {
    const [made, collection] = await sealedNotes(1);
    collection.probe.before = async (method) => {
      if (method !== 'replace') return;
      collection.probe.before = () => undefined;
      await put(collection, { ...KEY, id: 'note-0', body: 'edited' });
    };
    expect((await remove(made, collection)).summary.complete).toBe(true);
    expect(await stored(collection, 'note-0')).toMatchObject({ body: 'edited' });
  });

  it('leaves a document that holds bytes or cannot be opened as it was, and lists it', async () => {
    const [made, collection] = await sealedNotes(1);
    const bytes = await encryptAny(made.encryptor, { ...KEY, body: new Uint8Array([1, 2]) });
    await put(collection, bytes);
    await put(collection, { ...bytes, id: 'moved' });
    const migrated = await remove(made, collection);
    expect(migrated.summary).toMatchObject({ complete: false, changed: 1, failed: 2 });
    const messages = eventsOf(migrated, 'failed').map(({ error }) => describeError(error).message);
    expect(messages).toContain(
      'The value at "body" is bytes, which have no plaintext form in a document: replace them with text before you remove encryption',
    );
    expect(await stored(collection, KEY.id)).toEqual(bytes);
  });

  it('in a dry run opens every document, and writes nothing', async () => {
    const [made, collection] = await sealedNotes(2);
    const { summary } = await remove(made, collection, { dryRun: true });
    expect(summary).toMatchObject({ complete: false, wouldChange: 2 });
    expect(collection.probe.calls).not.toHaveProperty('replace');
  });

  it('is refused while encryption is on: writers would seal again', async () => {
    const [made, collection] = await sealedNotes(1);
    const migration = removeEncryption(made.encryptor, note, collection.store, {
      allowEmpty: true,
    });
    expect(await failure(migrate(migration, made.clock))).toEqual({
      name: 'RangeError',
      message:
        'removeEncryption expected an encryption context with "enabled: false", like its writers, got "enabled: true"',
    });
  });
});
