import { describe, expect, it } from 'vitest';
import { EnvKeyProvider } from '../../src/index.js';
import { MemoryDekStore } from '../../src/testing/index.js';
import { MEK_HEX, setup } from '../support/encryptor.js';
import { failure } from '../support/failure.js';
import { generationsIn, opened, reencrypt, sealedNotes, stored } from '../support/migrations.js';
import { envKeys, rewrap, targetOf } from '../support/rotations.js';

describe('a re-encryption', () => {
  it('opens old DEKs with a source where the encryption has lost their key', async () => {
    const [before, collection] = await sealedNotes(2);
    const made = setup({ beside: before, keyProviders: [envKeys('b')] });
    await rewrap(made, { withoutOpening: [await targetOf('a')] });
    const keyProvider = new EnvKeyProvider({ key: MEK_HEX });
    const without = await reencrypt(made, collection);
    expect(without.summary).toMatchObject({ failed: 2, changed: 0 });
    const { summary } = await reencrypt(made, collection, { source: { keyProvider } });
    expect(summary).toMatchObject({ complete: true, changed: 2 });
    expect(await opened(made, collection, 'note-1')).toMatchObject({ body: 'of note-1' });
  });

  it('opens DEKs whose rows are lost from a restored store, above their generation', async () => {
    const [before, collection] = await sealedNotes(1);
    const lost = new MemoryDekStore();
    const record = await before.memory.getRotation('notelett');
    await lost.createItem(record?.value as never);
    const made = setup({ memory: lost });
    made.clock.advance(before.clock.wallMs() - made.clock.wallMs());
    const source = { keyProvider: new EnvKeyProvider({ key: MEK_HEX }), dekStore: before.memory };
    const { summary } = await reencrypt(made, collection, { source });
    expect(summary).toMatchObject({ complete: true, changed: 1 });
    expect(generationsIn(await stored(collection, 'note-0'))).toEqual(['2']);
    expect(await opened(made, collection, 'note-0')).toMatchObject({ body: 'of note-0' });
  });

  it('in a dry run opens every document and writes nothing', async () => {
    const [made, collection] = await sealedNotes(2);
    const migrated = await reencrypt(made, collection, { dryRun: true, shred: true });
    expect(migrated.summary).toMatchObject({ complete: false, wouldChange: 2, failed: 0 });
    for (const method of ['create', 'replace', 'createLease', 'replaceLease']) {
      expect(made.store.calls).not.toHaveProperty(method);
    }
    expect(collection.probe.calls).not.toHaveProperty('replace');
  });

  it.each([
    [
      undefined,
      'TypeError',
      '"createdBefore" expected a Date, or a time as toISOString() writes it: DEKs made before it are replaced',
    ],
    [
      'yesterday',
      'TypeError',
      '"createdBefore" expected a Date, or a time as toISOString() writes it: DEKs made before it are replaced',
    ],
    [
      '2026-01-01',
      'TypeError',
      '"createdBefore" expected a Date, or a time as toISOString() writes it: DEKs made before it are replaced',
    ],
    [
      '2999-01-01T00:00:00.000Z',
      'RangeError',
      '"createdBefore" expected a time in the past, got one in the future',
    ],
  ])('refuses the moment %j', async (createdBefore, name, message) => {
    const [made, collection] = await sealedNotes(1);
    const options = { createdBefore } as never;
    expect(await failure(reencrypt(made, collection, options))).toEqual({ name, message });
    expect(made.store.calls).toEqual({});
  });

  it('refuses a source without a key provider', async () => {
    const [made, collection] = await sealedNotes(1);
    const source = {} as never;
    expect((await failure(reencrypt(made, collection, { source }))).message).toBe(
      '"source.keyProvider" expected a key provider, got undefined',
    );
  });
});
