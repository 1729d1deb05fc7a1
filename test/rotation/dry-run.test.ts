import { describe, expect, it } from 'vitest';
import { contentsOf, KEY, note, setup } from '../support/encryptor.js';
import { failure, refused, rejection } from '../support/failure.js';
import {
  alterRow,
  ofType,
  rewrap,
  rows,
  start,
  versionOf,
  withKeys,
  writeNotes,
} from '../support/rotations.js';

async function written(count: number) {
  const before = setup();
  const stored = await writeNotes(before, count);
  return { before, stored, operator: withKeys(before, ['b', 'a']) };
}

describe('a dry run', () => {
  it('opens every DEK, says what it would do, and writes nothing', async () => {
    const { before, operator } = await written(4);
    await before.encryptor.shred(note, { ...KEY, id: 'note-3' });
    const contents = await contentsOf(before.memory);
    const { summary, events } = await rewrap(operator, { dryRun: true });
    expect(summary).toMatchObject({ dryRun: true, epoch: 2, complete: false, changed: 0 });
    expect(summary).toMatchObject({ scanned: 4, wouldChange: 3, skipped: 1 });
    expect(events.map(({ type }) => type)).not.toContain('begun');
    expect(await contentsOf(before.memory)).toEqual(contents);
    expect(Object.keys(operator.store.calls).sort()).toEqual(['count', 'getRotation', 'list']);
    expect(operator.provider.calls).toEqual({ currentVersion: 1, wrapKey: 1, unwrapKey: 2 + 3 });
  });

  it('names the rows that would fail', async () => {
    const { before, operator } = await written(3);
    const [broken] = await rows(before);
    await alterRow(before, broken?.id ?? '', {
      commitment: Buffer.alloc(32).toString('base64url'),
    });
    const dryRun = await rewrap(operator, { dryRun: true });
    expect(dryRun.summary).toMatchObject({ failed: 1, wouldChange: 2 });
    expect(ofType(dryRun, 'failed')).toMatchObject([
      { dekId: broken?.id, error: { code: 'TAMPERED' } },
    ]);
  });

  it('is refused where the rotation would be', async () => {
    const { before, operator } = await written(1);
    await (await start(withKeys(before, ['c', 'a']))).next();
    expect(await rejection(rewrap(operator, { dryRun: true }))).toMatchObject({
      code: 'ROTATION_UNFINISHED',
    });
    const { summary } = await rewrap(operator, { dryRun: true, takeOver: true });
    expect(summary).toMatchObject({ epoch: 3, wouldChange: 1 });
  });

  it('stops where another rotation goes on beside it, and blames no row', async () => {
    const { before, operator } = await written(2);
    const rehearsing = await start(operator, { dryRun: true, concurrency: 1 });
    expect((await rehearsing.next()).value).toMatchObject({ type: 'pass' });
    await rewrap(withKeys(before, ['b', 'a']));
    await rewrap(withKeys(before, ['c', 'b', 'a']));
    expect(await failure(rehearsing.next())).toEqual(
      refused(
        'ROTATION_SUPERSEDED',
        `The rotation with epoch 2 stopped because the rotation record is at epoch 3 now, with the target env/env/${await versionOf('c')}: nothing more was written; find out what changed it before you start again`,
      ),
    );
  });

  it('of a finished rotation finds everything current', async () => {
    const { operator } = await written(2);
    await rewrap(operator);
    const { summary } = await rewrap(operator, { dryRun: true });
    expect(summary).toMatchObject({ complete: false, unchanged: 2, wouldChange: 0, epoch: 2 });
  });
});
