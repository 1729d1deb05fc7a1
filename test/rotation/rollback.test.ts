import { describe, expect, it, vi } from 'vitest';
import type { KeyWrap, LiveDekRow } from '../../src/adapters.js';
import { EnvKeyProvider, rollbackRotation, takeCensus } from '../../src/index.js';
import {
  contentsOf,
  decryptAny,
  encryptAny,
  KEY,
  MEK_HEX,
  OTHER_MEK_HEX,
  setup,
  type Setup,
} from '../support/encryptor.js';
import { failure, refused } from '../support/failure.js';
import { liveRows, rotated, withoutPreviousWrap, wrapOf } from '../support/previous-wraps.js';
import {
  envKeys,
  ofType,
  pullUntil,
  record,
  rewrap,
  rollBack,
  rows,
  start,
  targetOf,
  versionOf,
  withKeys,
  writeNotes,
} from '../support/rotations.js';

const ENV = { keyProvider: 'env', mekName: 'env' };

describe('a rollback', () => {
  it('flips each row without the provider, which proves itself and one wrap before', async () => {
    const [made, operator] = await rotated(20);
    operator.provider.reset();
    const { summary, events } = await rollBack(operator, 'a');
    expect(operator.provider.calls).toEqual({ wrapKey: 1, unwrapKey: 2 });
    expect(summary).toMatchObject({
      ...{ complete: true, epoch: 3, target: { ...ENV, mekVersion: await versionOf('a') } },
      ...{ changed: 20, flipped: 20, repaired: 0, failed: 0, passes: 3 },
    });
    const from = { ...ENV, mekVersion: await versionOf('b') };
    for (const event of ofType({ events }, 'changed')) {
      expect(event).toMatchObject({ flipped: true, repaired: false, from });
    }
    expect(await takeCensus(made.encryptor)).toMatchObject({ settled: true, behind: 0 });
  });

  it('has the two wraps of a row change places, and keeps everything else of it', async () => {
    const [made, operator] = await rotated(2);
    const before = await liveRows(made);
    operator.clock.advance(60_000);
    await rollBack(operator, 'a');
    for (const [index, row] of (await liveRows(made)).entries()) {
      const old = before[index] as LiveDekRow;
      expect(row).toEqual({
        ...old,
        ...wrapOf(old.previousWrap as KeyWrap),
        epoch: 3,
        previousWrap: { ...wrapOf(old), epoch: 2 },
        rewrappedAt: '2026-11-23T10:02:00.000Z',
      });
    }
  });

  it('leaves every document readable with the earlier key alone, and hot ones hot', async () => {
    const made = setup();
    const stored = await writeNotes(made, 3);
    const operator = withKeys(made, ['b', 'a']);
    await rewrap(operator);
    await decryptAny(operator.encryptor, stored[0]);
    await rollBack(operator, 'a');
    operator.provider.reset();
    operator.store.reset();
    await decryptAny(operator.encryptor, stored[0]);
    expect(operator.provider.calls).toEqual({});
    expect(operator.store.calls).toEqual({});
    const reader = withKeys(made, ['a']);
    for (const each of stored) await decryptAny(reader.encryptor, each);
  });

  it('tells the cache of each row, as a rewrap does', async () => {
    const [made, operator] = await rotated(3);
    const told = vi.spyOn(operator.dekCache, 'rewrapped');
    await rollBack(operator, 'a');
    expect(told.mock.calls.map(([row]) => row)).toEqual(await rows(made));
  });

  it('takes only a wrap for its own whose provider, MEK name and version all agree', async () => {
    const made = setup();
    await writeNotes(made, 2);
    const [key, previous] = [MEK_HEX, OTHER_MEK_HEX];
    const other = new EnvKeyProvider({ key, previousKeys: [previous], id: 'other' });
    const keyProviders = [envKeys('a', 'b'), other];
    const operator = setup({ beside: made, keyProviders });
    const [a, b] = [await targetOf('a'), await targetOf('b')];
    await rewrap(operator, { target: { ...a, keyProvider: 'other' } });
    await rewrap(operator, { target: { ...b, keyProvider: 'env' } });
    const target = { ...a, keyProvider: 'env' };
    const { summary } = await rollBack(operator, 'a', { target });
    expect(summary).toMatchObject({ complete: true, changed: 2, flipped: 0 });
    await rewrap(operator, { target: { ...b, keyProvider: 'env' } });
    const again = await rollBack(operator, 'a', { target });
    expect(again.summary).toMatchObject({ complete: true, changed: 2, flipped: 2 });
  });

  it('rewraps what never left, was made since or was pruned as a rotation does', async () => {
    const made = setup();
    await writeNotes(made, 4);
    const operator = withKeys(made, ['b', 'a']);
    const rewrapping = await start(operator, { concurrency: 1 });
    const events = await pullUntil(rewrapping, operator.clock, 'changed');
    events.push(...(await pullUntil(rewrapping, operator.clock, 'changed')));
    await rewrapping.return(undefined as never);
    const [pruned, flipped] = ofType({ events }, 'changed').map(({ dekId }) => dekId);
    await withoutPreviousWrap(made, pruned ?? '');
    await encryptAny(operator.encryptor, { ...KEY, id: 'since', body: 'text' });

    const result = await rollBack(operator, 'a');
    expect(result.summary).toMatchObject({ complete: true, changed: 3, flipped: 1, unchanged: 5 });
    const byId = new Map(ofType(result, 'changed').map((each) => [each.dekId, each.flipped]));
    expect(byId.get(flipped ?? '')).toBe(true);
    expect(byId.get(pruned ?? '')).toBe(false);
    expect(ofType(result, 'unchanged').filter(({ epochOnly }) => epochOnly)).toHaveLength(2);
  });

  it('that is rolled back in its turn flips again, to the very same wraps', async () => {
    const [made, operator] = await rotated(5);
    const before = await liveRows(made);
    await rollBack(operator, 'a');
    const { summary } = await rollBack(operator, 'b');
    expect(summary).toMatchObject({ complete: true, epoch: 4, changed: 5, flipped: 5 });
    for (const [index, row] of (await liveRows(made)).entries()) {
      expect(wrapOf(row)).toEqual(wrapOf(before[index] as LiveDekRow));
      expect(row.previousWrap).toEqual({ ...before[index]?.previousWrap, epoch: 3 });
    }
  });

  it('that is finished writes nothing when it is run again', async () => {
    const [made, operator] = await rotated(3);
    await rollBack(operator, 'a');
    const contents = await contentsOf(made.memory);
    const { summary } = await rollBack(operator, 'a');
    expect(summary).toMatchObject({ complete: true, epoch: 3, changed: 0, unchanged: 3 });
    expect(await contentsOf(made.memory)).toEqual(contents);
  });

  it('continues where it was stopped, in any process', async () => {
    const [made, operator] = await rotated(6);
    const target = await targetOf('a');
    const stopped = rollbackRotation(operator.encryptor, { target, concurrency: 1 });
    await pullUntil(stopped, operator.clock, 'changed');
    await stopped.return(undefined as never);
    const { summary } = await rollBack(withKeys(made, ['a', 'b']), 'a');
    expect(summary).toMatchObject({ complete: true, epoch: 3, changed: 5, flipped: 5 });
  });

  it('needs the version that it leaves only for rows that never were under the other', async () => {
    const [made, operator] = await rotated(3);
    await encryptAny(operator.encryptor, { ...KEY, id: 'since', body: 'text' });
    const without = withKeys(made, ['a']);
    const result = await rollBack(without, 'a');
    expect(result.summary).toMatchObject({ complete: false, changed: 3, flipped: 3, failed: 1 });
    expect(ofType(result, 'failed')[0]).toMatchObject({ error: { code: 'MEK_VERSION_UNKNOWN' } });
    const { summary } = await rollBack(operator, 'a');
    expect(summary).toMatchObject({ complete: true, changed: 1, flipped: 0, unchanged: 4 });
  });
});

describe('a rollback over a rotation that is not finished', () => {
  async function leftAt(name: 'b' | 'c', made: Setup): Promise<void> {
    const rewrapping = await start(withKeys(made, [name, 'a', name === 'b' ? 'c' : 'b']), {
      takeOver: true,
      concurrency: 1,
    });
    await pullUntil(rewrapping, made.clock, 'changed');
    await rewrapping.return(undefined as never);
  }

  it('needs no leave to undo it', async () => {
    const made = setup();
    await writeNotes(made, 3);
    await leftAt('b', made);
    const { summary } = await rollBack(withKeys(made, ['b', 'a']), 'a');
    expect(summary).toMatchObject({ complete: true, epoch: 3, changed: 1, flipped: 1 });
  });

  it('needs none to undo it and those before it that were not finished either', async () => {
    const made = setup();
    await writeNotes(made, 3);
    await leftAt('b', made);
    await leftAt('c', made);
    const { summary } = await rollBack(withKeys(made, ['c', 'b', 'a']), 'a');
    expect(summary).toMatchObject({ complete: true, epoch: 4 });
  });

  it('needs leave to go further back, and writes nothing without', async () => {
    const [made] = await rotated(3);
    await leftAt('c', made);
    const operator = withKeys(made, ['c', 'b', 'a']);
    const contents = await contentsOf(made.memory);
    const { startedAt } = await record(made);
    const expected = refused(
      'ROTATION_UNFINISHED',
      `The rotation to env/env/${await versionOf('c')} with epoch 3, begun ${startedAt}, is not finished: name that target to finish it, or pass "takeOver: true" to start another in its place`,
    );
    expect(await failure(rollBack(operator, 'a'))).toEqual(expected);
    expect(await failure(rollBack(operator, 'a', { dryRun: true }))).toEqual(expected);
    expect(await contentsOf(made.memory)).toEqual(contents);
    const { summary } = await rollBack(operator, 'a', { takeOver: true });
    expect(summary).toMatchObject({ complete: true, epoch: 4, changed: 3, flipped: 2 });
  });

  it('joins it where that one goes back already', async () => {
    const [made, operator] = await rotated(2);
    await (await start(withKeys(made, ['a', 'b']))).next();
    const { events, summary } = await rollBack(operator, 'a');
    expect(ofType({ events }, 'begun')).toMatchObject([{ joined: true, epoch: 3 }]);
    expect(summary).toMatchObject({ complete: true, flipped: 2 });
  });
});
