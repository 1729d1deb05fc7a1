import { describe, expect, it } from 'vitest';
import type { LiveDekRow } from '../../../src/adapters.js';
import { takeCensus } from '../../../src/index.js';
import { contentsOf, KEY, note, PRODUCT, setup } from '../../support/encryptor.js';
import { failure, rejection } from '../../support/failure.js';
import {
  alterRecord,
  alterRow,
  rewrap,
  rows,
  start,
  versionOf,
  withKeys,
  writeNotes,
} from '../../support/rotations.js';

const ENV = { keyProvider: 'env', mekName: 'env' };

describe('a census', () => {
  it('of nothing is empty, and settles nothing', async () => {
    const { encryptor } = setup();
    expect(await takeCensus(encryptor, { allowEmpty: true })).toEqual({
      product: PRODUCT,
      rotation: undefined,
      rows: 0,
      active: 0,
      retired: 0,
      shredded: 0,
      wraps: [],
      epochs: [],
      behind: 0,
      ahead: 0,
      unreadable: 0,
      unreadableRows: [],
      settled: false,
    });
  });

  it('counts rows by MEK version, state and epoch, and the wraps that are kept', async () => {
    const made = setup();
    await writeNotes(made, 6);
    await made.encryptor.shred(note, { ...KEY, id: 'note-0' });
    const operator = withKeys(made, ['b', 'a']);
    await rewrap(operator);
    const live = (await rows(made)).filter(({ state }) => state === 'active') as LiveDekRow[];
    const retired = { state: 'retired', retiredAt: '2026-11-23T10:00:00.000Z' };
    await alterRow(made, live[0]?.id ?? '', retired);
    await alterRow(made, live[1]?.id ?? '', { ...live[1]?.previousWrap });
    expect(await takeCensus(operator.encryptor)).toEqual({
      product: PRODUCT,
      rotation: { ...ENV, mekVersion: await versionOf('b'), epoch: 2, state: 'complete' },
      rows: 6,
      active: 4,
      retired: 1,
      shredded: 1,
      wraps: [
        { ...ENV, mekVersion: await versionOf('b'), active: 3, retired: 1, previousWraps: 0 },
        { ...ENV, mekVersion: await versionOf('a'), active: 1, retired: 0, previousWraps: 5 },
      ],
      epochs: [
        { epoch: 2, rows: 4 },
        { epoch: 1, rows: 1 },
      ],
      behind: 1,
      ahead: 0,
      unreadable: 0,
      unreadableRows: [],
      settled: false,
    });
  });

  it('knows a rotation that left nothing from one that is not finished', async () => {
    const made = setup();
    await writeNotes(made, 2);
    const operator = withKeys(made, ['b', 'a']);
    expect((await takeCensus(made.encryptor)).settled).toBe(true);
    await (await start(operator)).next();
    expect(await takeCensus(made.encryptor)).toMatchObject({
      behind: 2,
      settled: false,
      rotation: { state: 'fencing', epoch: 2 },
    });
    await rewrap(operator);
    expect(await takeCensus(made.encryptor)).toMatchObject({ behind: 0, settled: true });
  });

  it('sees a row below the epoch though its wrap is right, and one above it', async () => {
    const made = setup();
    await writeNotes(made, 3);
    await alterRecord(made, { epoch: 5 });
    const [one, two] = await rows(made);
    await alterRow(made, one?.id ?? '', { epoch: 5 });
    await alterRow(made, two?.id ?? '', { epoch: 6 });
    expect(await takeCensus(made.encryptor)).toMatchObject({
      behind: 1,
      ahead: 1,
      settled: false,
      epochs: [
        { epoch: 6, rows: 1 },
        { epoch: 5, rows: 1 },
        { epoch: 1, rows: 1 },
      ],
    });
  });

  it('is not settled over a single row that is elsewhere', async () => {
    const made = setup();
    await writeNotes(made, 3);
    const [one] = await rows(made);
    const elsewhere = [
      [{ epoch: 2 }, { ahead: 1, behind: 0 }],
      [
        { epoch: 1, mekVersion: await versionOf('b') },
        { ahead: 0, behind: 1 },
      ],
      [{ mekVersion: await versionOf('a') }, { ahead: 0, behind: 0, settled: true }],
    ] as const;
    for (const [change, expected] of elsewhere) {
      await alterRow(made, one?.id ?? '', change);
      expect(await takeCensus(made.encryptor)).toMatchObject({ settled: false, ...expected });
    }
  });

  it('is not settled over a row that is on the target, and below the epoch', async () => {
    const made = setup();
    await writeNotes(made, 3);
    await rewrap(withKeys(made, ['b', 'a']));
    const [one] = await rows(made);
    for (const state of [{}, { state: 'retired', retiredAt: '2026-11-23T10:00:00.000Z' }]) {
      await alterRow(made, one?.id ?? '', { epoch: 1, ...state });
      expect(await takeCensus(made.encryptor)).toMatchObject({
        settled: false,
        behind: 1,
        ahead: 0,
      });
    }
  });

  it('names rows that it cannot read, a hundred at most, and is not settled over them', async () => {
    const made = setup();
    await writeNotes(made, 120);
    for (const { id } of await rows(made)) await alterRow(made, id, { schema: 2 });
    const census = await takeCensus(made.encryptor);
    expect(census).toMatchObject({ rows: 120, active: 0, unreadable: 120, settled: false });
    expect(census.unreadableRows).toHaveLength(100);
    expect(census.unreadableRows[0]).toMatchObject({
      dekId: (await rows(made))[0]?.id,
      error: { code: 'ROW_UNSUPPORTED' },
    });
  });

  it('reads pages, and writes and unwraps nothing', async () => {
    const made = setup();
    await writeNotes(made, 450);
    const contents = await contentsOf(made.memory);
    made.store.reset();
    made.provider.reset();
    expect((await takeCensus(made.encryptor)).rows).toBe(450);
    expect(made.store.calls).toEqual({ getRotation: 1, list: 3 });
    expect(made.provider.calls).toEqual({});
    expect(await contentsOf(made.memory)).toEqual(contents);
  });

  it('counts one product alone', async () => {
    const made = setup();
    await writeNotes(made, 2);
    const other = setup({ beside: made, product: 'other' });
    await writeNotes(other, 3);
    expect((await takeCensus(made.encryptor)).rows).toBe(2);
    expect((await takeCensus(other.encryptor)).rows).toBe(3);
  });

  it('fails where the store does, and is no census then', async () => {
    const made = setup();
    await writeNotes(made, 1);
    const down = new Error('down');
    made.store.before = (method) => {
      if (method === 'list') throw down;
    };
    expect(await rejection(takeCensus(made.encryptor))).toBe(down);
    const reason = new Error('enough');
    const stopped = takeCensus(setup().encryptor, { signal: AbortSignal.abort(reason) });
    expect(await rejection(stopped)).toBe(reason);
    expect(await failure(takeCensus({ product: '', dekStore: made.dekStore }))).toEqual({
      name: 'TypeError',
      message: '"product" expected a non-empty string, got an empty one',
    });
  });
});
