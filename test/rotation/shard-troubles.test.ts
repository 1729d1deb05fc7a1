import { describe, expect, it } from 'vitest';
import type { DekRow, KeyWrap, LiveDekRow } from '../../src/adapters.js';
import { isOfRound } from '../../src/rotation/rewrap-run.js';
import { contentsOf, type Setup } from '../support/encryptor.js';
import { failure } from '../support/failure.js';
import { fleet, inTurns, isIn, NOTES, requireSettled, writeAgain } from '../support/fleet.js';
import {
  alterRow,
  ofType,
  pullUntil,
  record,
  rewrap,
  rows,
  start,
  withKeys,
} from '../support/rotations.js';

describe('what a worker meets', () => {
  it('rows that came behind it, in its own range and in those of others, are rewrapped', async () => {
    const [before, workers] = await fleet(1);
    const all = [...((await rows(before)) as readonly LiveDekRow[])];
    all.sort((one, other) => (one.id < other.id ? -1 : 1));
    const late = [all[0], all[1], all.at(-2), all.at(-1)] as readonly LiveDekRow[];
    const [first] = workers as readonly [Setup];
    let replaces = 0;
    first.store.after = async (method, result) => {
      // Behind the first worker, and before its shard's end; the other has not begun.
      if (method === 'replace' && ++replaces === 10) await writeAgain(before, late);
      return result;
    };
    const { summary } = await rewrap(first, { shard: { index: 0, count: 2 }, concurrency: 1 });
    expect(summary).toMatchObject({ complete: true, changed: NOTES + 2 });
    await requireSettled(before);
  });

  it('a row that fails is named by each, and keeps all of them from completing', async () => {
    const [before, workers] = await fleet(3);
    const [row] = (await rows(before)) as readonly LiveDekRow[];
    const { id } = row as LiveDekRow;
    await alterRow(before, id, { commitment: Buffer.alloc(32, 1).toString('base64url') });
    const ended = await inTurns(workers);
    for (const each of ended) {
      expect(each.summary).toMatchObject({ complete: false, failed: 1, unchanged: NOTES - 1 });
      expect(new Set(ofType(each, 'failed').map(({ dekId }) => dekId))).toEqual(new Set([id]));
    }
    expect(await record(before)).toMatchObject({ state: 'rewrapping' });
  });

  it.each([
    ['zzz', 2],
    ['!', 0],
  ] as const)('an item that is no DEK row, %j, is the last or the first one’s', async (id, its) => {
    const [before, [worker]] = await fleet(1);
    const [row] = await rows(before);
    await before.memory.create({ ...row, id, scopeId: id, type: 'kek' } as unknown as DekRow);
    for (const index of [0, 1, 2]) {
      const { events } = await rewrap(worker as Setup, {
        shard: { index, count: 3 },
        dryRun: true,
      });
      const failed = ofType({ events }, 'failed');
      expect(failed.length, `in shard ${String(index)}`).toBe(index === its ? 1 : 0);
    }
    const { summary } = await rewrap(worker as Setup, { shard: { index: 1, count: 3 } });
    expect(summary).toMatchObject({ complete: false, changed: NOTES, failed: 1 });
  });

  it('an outage of the vault fails its rows, and the next scans make up for it', async () => {
    const [before, [worker]] = await fleet(1);
    let calls = 0;
    (worker as Setup).provider.before = (method) => {
      calls += 1;
      if (method === 'wrapKey' && calls > 2 && calls < 40) throw new Error('The vault is down');
    };
    const { summary } = await rewrap(worker as Setup, { shard: { index: 0, count: 2 } });
    expect(summary).toMatchObject({ complete: true, changed: NOTES, failed: 0 });
    await requireSettled(before);
  });

  it('a row of others that fails once is tried again, though nothing else is left', async () => {
    const [before, [worker]] = await fleet(1);
    const all = (await rows(before)) as readonly LiveDekRow[];
    await rewrap(worker as Setup);
    const shard = { index: 0, count: 256 };
    const isLeft = (id: string): boolean =>
      !isIn(id, shard) && [1, 2, 3].every((deal) => !isOfRound(shard, deal, id));
    await writeAgain(before, all.filter(({ id }) => isLeft(id)).slice(0, 1));
    (worker as Setup).provider.before = (method, [wrap]) => {
      if (method !== 'unwrapKey' || (wrap as KeyWrap).mekVersion !== all[0]?.mekVersion) return;
      (worker as Setup).provider.before = () => undefined;
      throw new Error('The vault is down');
    };
    const { events, summary } = await rewrap(worker as Setup, { shard, concurrency: 1 });
    expect(ofType({ events }, 'failed')).toHaveLength(1);
    expect(summary).toMatchObject({ complete: true, failed: 0 });
  });

  it('an abort stops it in its shard, and the others end the rotation', async () => {
    const [before, [stopped, other]] = await fleet(2);
    const controller = new AbortController();
    const rewrapping = await start(stopped as Setup, {
      shard: { index: 0, count: 2 },
      concurrency: 1,
      signal: controller.signal,
    });
    await pullUntil(rewrapping, before.clock, 'changed');
    controller.abort(new Error('The deployment ends'));
    expect(await failure(pullUntil(rewrapping, before.clock, 'finished'))).toEqual({
      name: 'Error',
      message: 'The deployment ends',
    });
    expect(await record(before)).toMatchObject({ state: 'rewrapping' });
    const { summary } = await rewrap(other as Setup, { shard: { index: 1, count: 2 } });
    expect(summary.complete).toBe(true);
    await requireSettled(before);
  });

  it('another target stops all of them', async () => {
    const [before, [worker]] = await fleet(1);
    const rewrapping = await start(worker as Setup, { shard: { index: 0, count: 2 } });
    await pullUntil(rewrapping, before.clock, 'changed');
    await rewrap(withKeys(before, ['c', 'b', 'a']), { takeOver: true });
    expect(await failure(pullUntil(rewrapping, before.clock, 'finished'))).toMatchObject({
      code: 'ROTATION_SUPERSEDED',
    });
  });

  it('in a dry run is its shard alone, and nothing is written', async () => {
    const [before, [worker]] = await fleet(1);
    const contents = await contentsOf(before.memory);
    const seen: string[] = [];
    for (const index of [0, 1, 2]) {
      const shard = { index, count: 3 };
      const result = await rewrap(worker as Setup, { shard, dryRun: true });
      const would = ofType(result, 'would-change').map(({ dekId }) => dekId);
      expect(would.every((id) => isIn(id, shard))).toBe(true);
      const { length } = would;
      expect(result.summary).toMatchObject({ shard, complete: false, wouldChange: length });
      expect(ofType(result, 'pass')).toMatchObject([{ shard, total: length }]);
      seen.push(...would);
    }
    expect(seen.sort()).toEqual((await rows(before)).map(({ id }) => id).sort());
    expect(await contentsOf(before.memory)).toEqual(contents);
  });
});
