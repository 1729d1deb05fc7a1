import { describe, expect, it } from 'vitest';
import type { DekRowFilter, LiveDekRow } from '../../src/adapters.js';
import type { RewrapAllDeksOptions } from '../../src/index.js';
import { isOfRound } from '../../src/rotation/rewrap-run.js';
import { contentsOf, decryptAny, PRODUCT, setup, type Setup } from '../support/encryptor.js';
import {
  finishedIn,
  fleet,
  fleetOnRsa,
  inTurns,
  isIn,
  NOTES,
  requireSettled,
  splitByPass,
} from '../support/fleet.js';
import {
  ofType,
  pullUntil,
  record,
  rewrap,
  rows,
  start,
  versionOf,
  withKeys,
  writeNotes,
} from '../support/rotations.js';

type RewrapShard = NonNullable<RewrapAllDeksOptions['shard']>;

describe('workers that share a rotation', () => {
  it('rewrap each row once among them, and all end with a complete rotation', async () => {
    const before = setup();
    const stored = await writeNotes(before, NOTES);
    const workers = Array.from({ length: 4 }, () => withKeys(before, ['b', 'a']));
    const ended = await inTurns(workers);
    const rewrapped = ended.flatMap((each) => ofType(each, 'changed'));
    expect(new Set(rewrapped.map(({ dekId }) => dekId)).size).toBe(NOTES);
    expect(rewrapped).toHaveLength(NOTES);
    expect(ended.map(({ summary }) => summary.complete)).toEqual([true, true, true, true]);
    expect(ended.reduce((sum, { summary }) => sum + summary.changed, 0)).toBe(NOTES);
    // At this pace no two workers meet: a wrap for each row, and one each to prove the target.
    const wraps = workers.map(({ provider }) => provider.calls['wrapKey'] ?? 0);
    expect(wraps.reduce((sum, calls) => sum + calls)).toBe(NOTES + workers.length);
    await requireSettled(before);
    const { encryptor } = withKeys(before, ['b']);
    for (const [index, each] of stored.entries()) {
      expect(await decryptAny(encryptor, each)).toMatchObject({ body: `of note-${String(index)}` });
    }
  });

  it('write nothing in a rotation that is finished', async () => {
    const [before, workers] = await fleet(4);
    await inTurns(workers);
    const contents = await contentsOf(before.memory);
    for (const { summary } of await inTurns(workers)) {
      expect(summary).toMatchObject({ complete: true, changed: 0, unchanged: NOTES, passes: 3 });
    }
    expect(await contentsOf(before.memory)).toEqual(contents);
  });

  it('say their shard, and of each scan whether it was over it or over all', async () => {
    const [before, [worker]] = await fleet(1);
    const shard = { index: 1, count: 3 };
    const { events, summary } = await rewrap(worker as Setup, { shard });
    const own = (await rows(before)).filter(({ id }) => isIn(id, shard)).length;
    expect(ofType({ events }, 'begun')).toMatchObject([{ shard }]);
    expect(summary.shard).toEqual(shard);
    const passes = ofType({ events }, 'pass').map(({ purpose, total, shard: of }) => [
      purpose,
      total,
      of,
    ]);
    expect(passes).toEqual([
      ['change', own, shard],
      ['change', own, shard],
      // What is assigned to this one, three times; and then what the others left.
      ['change', NOTES, undefined],
      ['change', NOTES, undefined],
      ['change', NOTES, undefined],
      ['change', NOTES, undefined],
      ['change', NOTES, undefined],
      ['verify', NOTES, undefined],
    ]);
    expect(summary).toMatchObject({ passes: 8, complete: true, changed: NOTES });
  });

  it('begin with their own rows, and leave those of others to them at first', async () => {
    const [, [worker]] = await fleet(1);
    const shard = { index: 2, count: 3 };
    const { events } = await rewrap(worker as Setup, { shard });
    const passes = splitByPass(events);
    const rewrapped = passes.map((each) => ofType({ events: each }, 'changed'));
    expect(rewrapped[0]?.every(({ dekId }) => isIn(dekId, shard))).toBe(true);
    expect(rewrapped[2]?.every(({ dekId }) => isOfRound(shard, 1, dekId))).toBe(true);
    expect(rewrapped[3]?.every(({ dekId }) => isOfRound(shard, 2, dekId))).toBe(true);
    const left = passes.map((each) => ofType({ events: each }, 'skipped'));
    for (const { reason, dekId } of left[2] ?? []) {
      expect(reason).toBe('other-shard');
      expect(isOfRound(shard, 1, dekId) || isIn(dekId, shard)).toBe(false);
    }
    expect(left.map(({ length }) => length > 0)).toEqual([
      ...[false, false],
      ...[true, true, true],
      ...[false, false, false],
    ]);
  });

  it('take what was assigned to none in different orders, so that two are not at the same rows', async () => {
    const [, workers] = await fleet(2);
    const shards = [6, 7].map((index) => ({ index, count: 8 }));
    const ended = await inTurns(workers, shards);
    const orders = ended.map(({ events }) => {
      const last = splitByPass(events).at(-1) ?? [];
      return ofType({ events: last }, 'unchanged').map(({ dekId }) => dekId);
    });
    expect(orders[0]).not.toEqual(orders[1]);
    expect(new Set(orders[0])).toEqual(new Set(orders[1]));
  });

  it('leave rows of others to them as well where only the epoch is to be written', async () => {
    const [before, [worker]] = await fleet(1);
    await rewrap(worker as Setup);
    await (await start(withKeys(before, ['c', 'b']))).next();
    const shard = { index: 0, count: 3 };
    const { events, summary } = await rewrap(worker as Setup, { shard, takeOver: true });
    const dealt = splitByPass(events)[2] ?? [];
    const moved = ofType({ events: dealt }, 'unchanged').filter(({ epochOnly }) => epochOnly);
    expect(moved.length).toBeGreaterThan(0);
    expect(moved.every(({ dekId }) => isOfRound(shard, 1, dekId))).toBe(true);
    expect(ofType({ events: dealt }, 'skipped').length).toBeGreaterThan(0);
    expect(summary).toMatchObject({ complete: true, epoch: 4, changed: 0 });
  });

  it('do not complete the rotation while another is at work', async () => {
    const [before, [fast, slow]] = await fleet(2);
    const shards = [0, 1].map((index) => ({ index, count: 2 }));
    const slowly = await start(slow as Setup, { shard: shards[1] as RewrapShard, concurrency: 4 });
    await pullUntil(slowly, before.clock, 'changed');
    const target = await versionOf('b');
    const behind: number[] = [];
    (fast as Setup).store.before = async (method) => {
      if (method !== 'replaceRotation') return;
      const live = (await rows(before)) as readonly LiveDekRow[];
      behind.push(live.filter(({ mekVersion }) => mekVersion !== target).length);
    };
    const { summary } = await rewrap(fast as Setup, { shard: shards[0] as RewrapShard });
    expect(summary.complete).toBe(true);
    expect(behind).toEqual([0]);
    const rest = await pullUntil(slowly, before.clock, 'finished');
    expect(finishedIn(rest)).toMatchObject({ complete: true, failed: 0 });
    await requireSettled(before);
  });

  it('take over what a worker left that is gone', async () => {
    const [before, workers] = await fleet(4);
    const [gone, ...others] = workers;
    const leaving = await start(gone as Setup, { shard: { index: 0, count: 4 }, concurrency: 1 });
    await pullUntil(leaving, before.clock, 'changed');
    const shards = [1, 2, 3].map((index) => ({ index, count: 4 }));
    const ended = await inTurns(others, shards);
    for (const { summary } of ended) expect(summary.complete).toBe(true);
    const rewrapped = ended.flatMap((each) => ofType(each, 'changed'));
    // The one that is gone had reported one row, and had another under way.
    expect(rewrapped.length).toBeGreaterThanOrEqual(NOTES - 2);
    expect(new Set(rewrapped.map(({ dekId }) => dekId)).size).toBe(rewrapped.length);
    await requireSettled(before);
  });

  it.each([
    ['in its own shard, once it lost a row', true, 1],
    ['in those of others', false, 0],
  ])('look at a row again before the vault is asked: %s', async (_what, isOwn, inVain) => {
    const [before, workers, target] = await fleetOnRsa(2);
    const [worker, other] = workers as readonly [Setup, Setup];
    const shard = { index: 1, count: 2 };
    const own = (await rows(before)).filter(({ id }) => isIn(id, shard)).length;
    let range: unknown;
    let lists = 0;
    worker.store.before = (method, [filter]) => {
      if (method !== 'list') return;
      range = (filter as DekRowFilter).idFrom;
      lists += 1;
    };
    worker.store.after = async (method, result) => {
      // The first listing is from before the beginning.
      if (method !== 'list' || lists === 1 || (range !== undefined) !== isOwn) return result;
      worker.store.after = (_method, answer) => answer;
      // All that this page says is out of date now.
      await rewrap(other, { target });
      return result;
    };
    const { summary } = await rewrap(worker, { target, shard, concurrency: 1 });
    const rewrapped = isOwn ? 0 : own;
    expect(summary).toMatchObject({ complete: true, changed: rewrapped });
    const fromTheOther = other.store.calls['replace'] ?? 0;
    expect(fromTheOther + rewrapped).toBe(NOTES);
    expect(worker.provider.calls['unwrapKey']).toBe(1 + rewrapped + inVain);
  });

  it('may have the same shard: they share it by losing races', async () => {
    const [before, workers, target] = await fleetOnRsa(2);
    const shard = { index: 0, count: 2 };
    const ended = await inTurns(workers, [shard, shard], { target });
    expect(ended.map(({ summary }) => summary.complete)).toEqual([true, true]);
    expect(ended.reduce((sum, { summary }) => sum + summary.changed, 0)).toBe(NOTES);
    await requireSettled(before, target.mekVersion);
  });

  it('may disagree on how many they are', async () => {
    const [before, workers, target] = await fleetOnRsa(2);
    const [half, bit] = [
      { index: 0, count: 2 },
      { index: 255, count: 256 },
    ];
    const ended = await inTurns(workers, [half, bit], { target });
    expect(ended.map(({ summary }) => summary.complete)).toEqual([true, true]);
    expect(ended.reduce((sum, { summary }) => sum + summary.changed, 0)).toBe(NOTES);
    await requireSettled(before, target.mekVersion);
  });

  it('are as one without a shard where there is but one', async () => {
    const [, [alone]] = await fleet(1);
    const [, [plain]] = await fleet(1);
    const shard = { index: 0, count: 1 };
    const [sharded, whole] = [
      await rewrap(alone as Setup, { shard, concurrency: 1 }),
      await rewrap(plain as Setup, { concurrency: 1 }),
    ];
    const { shard: said, ...summary } = sharded.summary;
    expect(said).toEqual(shard);
    expect(summary).toEqual(whole.summary);
    const [begun, ...events] = sharded.events.slice(0, -1);
    expect(begun).toEqual({ ...whole.events[0], shard });
    expect(events).toEqual(whole.events.slice(1, -1));
    expect((alone as Setup).store.calls).toEqual((plain as Setup).store.calls);
    expect((alone as Setup).provider.calls).toEqual((plain as Setup).provider.calls);
  });

  it('ask the store only for their range while they are in it', async () => {
    const [before, [worker]] = await fleet(1);
    const filters: unknown[] = [];
    (worker as Setup).store.before = (method, [filter]) => {
      if (method === 'list' || method === 'count') filters.push(filter);
    };
    await rewrap(worker as Setup, { shard: { index: 1, count: 2 } });
    const [own, all] = [{ product: PRODUCT, idFrom: '80000000' }, { product: PRODUCT }];
    // The first listing is from before the beginning.
    expect(filters.slice(0, 7)).toEqual([all, own, own, own, own, all, all]);
    expect(await record(before)).toMatchObject({ state: 'complete' });
  });
});
