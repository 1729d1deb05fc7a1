import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { endOf } from '../../support/rotation/drive.js';
import type { Execution } from '../../support/rotation/journal.js';
import { targetAt } from '../../support/rotation/meks.js';
import { forEachWay, requireAllMet } from '../../support/rotation/runs.js';
import { schedules } from '../../support/rotation/schedule.js';
import { seedOf, type Seed } from '../../support/rotation/seeds.js';
import { requireSettled, requireSound } from '../../support/rotation/settling.js';
import { Tally } from '../../support/rotation/tally.js';
import { World } from '../../support/rotation/world.js';

let seed: Seed;

beforeAll(async () => {
  seed = await seedOf({ notes: 2 });
});

/** Two documents by each writer; the second when the rotation has come so far. */
function writeTwice(world: World, name: string, isTime: () => boolean): void {
  const process = world.process(name);
  world.holdCall({ process: name, what: 'second document' }, isTime);
  world.act(name, async () => {
    await world.write(process, `${name}-1`, 'one');
    await world.pause(name, 'second document');
    await world.write(process, `${name}-2`, 'two');
  });
}

describe('writers that make DEKs before, during and after the fence', () => {
  it('leave none behind once all are done, without a rerun', async () => {
    const tally = new Tally();
    const property = (fence: 'by chance' | 'slow'): fc.IAsyncProperty<unknown> =>
      fc.asyncProperty(schedules, async (schedule) => {
        const world = await World.over(seed, schedule);
        const { journal } = world.watch;
        const isPast = (state: string) => (): boolean =>
          journal.record?.epoch === 2 && [state, 'complete'].includes(journal.record.state);
        writeTwice(world, 'early', () => true);
        writeTwice(world, 'fenced', isPast('fencing'));
        writeTwice(world, 'scanned', isPast('rewrapping'));
        writeTwice(world, 'after', isPast('complete'));
        if (fence === 'slow') slowFence(world);
        const rewrap = world.rewrap(world.process('rewrapper'), { target: targetAt('b') });
        await world.run();
        expect(endOf(rewrap.driven)).toBe('complete');
        for (const { row, record } of journal.writes('create')) {
          tally.add(`at epoch ${String(row.epoch)} while ${describeRecord(record)}`, true);
        }
        await requireSettled(world.watch);
        await requireSound(world.watch);
      });
    await forEachWay(['by chance', 'slow'], property, 0.12);
    for (const place of PLACES) tally.add(place, 0);
    requireAllMet(tally);
  });
});

/** It lasts until two writers made a DEK in it, one by an old copy of the record and one by a new. */
function slowFence(world: World): void {
  const { journal } = world.watch;
  const newcomer = world.process('newcomer');
  world.holdStart('newcomer', () => journal.record?.state === 'fencing');
  world.act('newcomer', () => world.write(newcomer, 'newcomer', 'one'));
  world.holdStart('rewrapper', () => journal.writes('create', 'fenced').length > 0);
  const tick = { process: 'clock', what: 'tick', nth: 'any' } as const;
  const areThere = (): boolean =>
    journal.writes('create', 'fenced').length > 1 &&
    journal.writes('create', 'newcomer').length > 0;
  world.holdCall(tick, areThere);
}

const PLACES = [
  'at epoch 1 while 1 complete',
  'at epoch 1 while 2 fencing',
  'at epoch 2 while 2 fencing',
  'at epoch 2 while 2 rewrapping',
  'at epoch 2 while 2 complete',
];

function describeRecord(record: Execution['record']): string {
  return record ? `${String(record.epoch)} ${record.state}` : 'there is none';
}
