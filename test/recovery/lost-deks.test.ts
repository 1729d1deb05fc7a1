import { describe, expect, it } from 'vitest';
import { reencryptDocuments, type DocumentStore } from '../../src/index.js';
import { MemoryDocumentStore } from '../../src/testing/index.js';
import { encryptAny, KEY, note, setup, type Loose, type Setup } from '../support/encryptor.js';
import { migrate } from '../support/migrations.js';
import {
  alter,
  expectReadable,
  failures,
  lostIn,
  OURS,
  recover,
  recoverable,
  rowOf,
  strip,
} from '../support/recovery.js';
import { OTHER_PAIR, PAIR } from '../support/recovery-pairs.js';
import { rsaWrap } from '../support/rsa-key-provider.js';
import { commitmentTo } from '../support/rotation/meks.js';
import { record, withKeys, writeNotes } from '../support/rotations.js';

describe('a DEK that is lost', () => {
  const causes: readonly (readonly [string, (made: Setup) => Promise<void>, string])[] = [
    [
      'no-recovery-wrap',
      (made) => strip(made, 'note-0'),
      'its row has no recovery wrap; restore a backup of the row that has one, or restore its MEK',
    ],
    [
      'other-recovery-key',
      async (made) => {
        const { recoveryWrap } = await rowOf(made, 'note-0');
        await alter(made, 'note-0', {
          recoveryWrap: { ...recoveryWrap, recoveryKeyId: OTHER_PAIR.id },
        });
      },
      `its recovery wrap is for the recovery key ${OTHER_PAIR.id}, not for ${PAIR.id}; run again with that private key`,
    ],
    [
      'broken-recovery-wrap',
      async (made) => {
        const { recoveryWrap } = await rowOf(made, 'note-0');
        const wrappedDek = recoveryWrap?.wrappedDek.replace(/^./, (letter) =>
          letter === 'A' ? 'B' : 'A',
        );
        await alter(made, 'note-0', { recoveryWrap: { ...recoveryWrap, wrappedDek } });
      },
      'its recovery wrap was changed, and does not open; restore the row from a backup',
    ],
    [
      'commitment-mismatch',
      async (made) => {
        const { recoveryWrap } = await rowOf(made, 'note-1');
        await alter(made, 'note-0', { recoveryWrap });
      },
      'its recovery wrap holds a DEK that does not match the commitment of the row; restore the row from a backup',
    ],
  ];

  it('is one of the wrong length, too, though the row commits to it', async () => {
    const { made, stored, operator } = await recoverable();
    const row = await rowOf(made, 'note-0');
    const short = Buffer.alloc(31, 7);
    const wrappedDek = rsaWrap(PAIR.privateKey, short);
    await alter(made, 'note-0', {
      recoveryWrap: { ...row.recoveryWrap, wrappedDek },
      commitment: commitmentTo(short, row.id),
    });
    const { events, summary } = await recover(operator);
    expect(summary).toMatchObject({ complete: false, failed: 1, lost: 1, recovered: 2 });
    expect(lostIn(events)).toEqual({ 'note-0': 'commitment-mismatch' });
    await expectReadable(made, stored.slice(1));
  });

  it.each(causes)(
    'for %s is named with its document, and stays as it is',
    async (reason, damage, why) => {
      const { made, stored, operator } = await recoverable();
      await damage(made);
      const before = await rowOf(made, 'note-0');
      const { events, summary } = await recover(operator);
      expect(summary).toMatchObject({ complete: false, failed: 1, lost: 1, recovered: 2 });
      expect(summary.losses).toMatchObject({ [reason]: 1 });
      const [event] = failures(events);
      expect(event).toMatchObject({
        dekId: before.id,
        loss: { reason, scope: ['notes', 'ws-1', 'note-0'] },
        error: {
          code: 'DEK_UNRECOVERABLE',
          message: `DEK ${before.id} cannot be recovered: ${why}`,
          retryable: false,
          cause: { code: 'MEK_VERSION_UNKNOWN' },
        },
      });
      expect(await rowOf(made, 'note-0')).toEqual(before);
      expect(await record(made)).toMatchObject({ state: 'rewrapping', epoch: 2 });
      await expectReadable(made, stored.slice(1));
    },
  );

  it('in a row that cannot be read is named with its document, as far as the row tells', async () => {
    const { made, stored, operator } = await recoverable();
    await alter(made, 'note-0', { state: 'paused' });
    await alter(made, 'note-1', { state: 'paused', scope: 'unknown' });
    const { events, summary } = await recover(operator);
    expect(summary).toMatchObject({ complete: false, failed: 2, lost: 2, recovered: 1 });
    expect(summary.losses).toMatchObject({ 'unreadable-row': 2 });
    const losses = failures(events)
      .slice(-2)
      .map(({ loss }) => loss);
    expect(losses).toContainEqual({
      reason: 'unreadable-row',
      scope: ['notes', 'ws-1', 'note-0'],
    });
    expect(losses).toContainEqual({ reason: 'unreadable-row' });
    for (const { error } of failures(events))
      expect(error).toMatchObject({ code: 'ROW_UNSUPPORTED' });
    await expectReadable(made, stored.slice(2));
  });

  it('prevents no process from writing, or from finishing once its document is shredded', async () => {
    const { made, stored, operator } = await recoverable();
    await strip(made, 'note-0');
    expect((await recover(operator)).summary.complete).toBe(false);
    const id = 'added';
    const added = await encryptAny(operator.encryptor, { ...KEY, id, body: `of ${id}` });
    await operator.encryptor.shred(note, { ...KEY, id: 'note-0' });
    const { summary } = await recover(operator);
    expect(summary).toMatchObject({ complete: true, changed: 0, skipped: 1, lost: 0, failed: 0 });
    await expectReadable(made, [...stored.slice(1), added]);
  });

  it('that is a retired one, beside one that is not lost, is shredded by a re-encryption', async () => {
    const made = setup();
    const store = new MemoryDocumentStore({ key: note.key });
    for (const document of await writeNotes(made, 1)) await store.create(document);
    const reencrypt = async (operator: Setup, shred: boolean): Promise<void> => {
      const options = { createdBefore: between, shred };
      const documents = store as unknown as DocumentStore<never>;
      await migrate(reencryptDocuments(operator.encryptor, note, documents, options), made.clock);
    };
    made.clock.advance(1_000);
    const between = new Date(made.clock.wallMs());
    made.clock.advance(1_000);
    await reencrypt(withKeys(made, ['a'], OURS), false);
    const operator = withKeys(made, ['b'], OURS);
    const { events, summary } = await recover(operator);
    expect(summary).toMatchObject({ complete: false, recovered: 1, lost: 1 });
    expect(failures(events)[0]?.dekId).toMatch(/\.1$/);
    await reencrypt(operator, true);
    expect((await recover(operator)).summary).toMatchObject({
      complete: true,
      lost: 0,
      skipped: 1,
    });
    const { items } = await store.list();
    await expectReadable(
      made,
      items.map(({ document }) => document as Loose),
    );
  });

  it('is found once a backup of its row is back', async () => {
    const { made, stored, operator } = await recoverable();
    const backup = await rowOf(made, 'note-0');
    await strip(made, 'note-0');
    await recover(operator);
    const { etag } = (await made.memory.get(backup.id)) ?? { etag: '' };
    await made.memory.replace(backup, etag);
    const { summary } = await recover(operator);
    expect(summary).toMatchObject({ complete: true, recovered: 1, changed: 1, lost: 0 });
    await expectReadable(made, stored);
  });
});
