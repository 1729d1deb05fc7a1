import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { endOf } from '../../support/rotation/drive.js';
import { targetAt } from '../../support/rotation/meks.js';
import { forEachWay, requireAllMet } from '../../support/rotation/runs.js';
import { schedules } from '../../support/rotation/schedule.js';
import { seedOf, type Seed } from '../../support/rotation/seeds.js';
import { requireSettled, requireSound } from '../../support/rotation/settling.js';
import { Tally } from '../../support/rotation/tally.js';
import { World } from '../../support/rotation/world.js';

const COUNT = 3;
const ROWS = 7;
/** `begun` and some of the fence; some rows; most of what there is to do. */
const LEAVES_AFTER = [3, 8, 12];

let seed: Seed;

beforeAll(async () => {
  seed = await seedOf({ notes: ROWS - 2, retired: true, tombstone: true });
});

describe('workers with a shard each', () => {
  it('finish one rotation together, with slow ones, and ones that leave', async () => {
    const tally = new Tally();
    const property = (way: string): fc.IAsyncProperty<unknown> =>
      fc.asyncProperty(schedules, fc.constantFrom(...LEAVES_AFTER), async (schedule, events) => {
        const world = await World.over(seed, schedule);
        const { journal } = world.watch;
        const jobs = Array.from({ length: COUNT }, (_each, index) => {
          const shard = { index, count: COUNT };
          const leaves = way === 'one leaves' && index === 0;
          const process = world.process(`worker ${String(index)}`);
          return world.rewrap(
            process,
            { target: targetAt('b'), shard },
            leaves ? events : Infinity,
          );
        });
        await world.run();
        const ends = jobs.map(({ driven }) => endOf(driven));
        expect(ends.slice(1)).toEqual(['complete', 'complete']);
        if (way === 'all stay') expect(ends[0]).toBe('complete');
        expect(journal.record).toMatchObject({ epoch: 2, state: 'complete' });
        tally.add('a row was lost to another', journal.lost('replace'));
        tally.add('a row was left to another', jobs.flatMap(leftToOthers).length);
        await requireSettled(world.watch);
        await requireSound(world.watch);
      });
    await forEachWay(['all stay', 'one leaves'], property, 0.1);
    requireAllMet(tally);
  });
});

function leftToOthers({ driven }: ReturnType<World['rewrap']>): readonly unknown[] {
  return driven.events.filter(
    (event) => event.type === 'skipped' && event.reason === 'other-shard',
  );
}
