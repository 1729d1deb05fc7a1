import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { DekRow } from '../../../src/adapters.js';
import { endOf } from '../../support/rotation/drive.js';
import { targetAt } from '../../support/rotation/meks.js';
import { forEachWay, partOfRuns, requireAllMet } from '../../support/rotation/runs.js';
import { seedOf, type Seed } from '../../support/rotation/seeds.js';
import { requireSettled, requireSound } from '../../support/rotation/settling.js';
import { Tally } from '../../support/rotation/tally.js';
import type { Process } from '../../support/rotation/watch.js';
import { schedules } from '../../support/rotation/schedule.js';
import type { Caught } from '../../support/rotation/turns.js';
import { World } from '../../support/rotation/world.js';

let seed: Seed;

beforeAll(async () => {
  seed = await seedOf({ notes: 2, retired: true, tombstone: true });
});

describe('two rewrappers', () => {
  it('with the same target share one rotation, and both finish it', async () => {
    const tally = new Tally();
    const property = (clash: string): fc.IAsyncProperty<unknown> =>
      fc.asyncProperty(schedules, async (schedule) => {
        const isBeaten = clash === 'at every row';
        const allAtOnce = { pageSize: 9, concurrency: 1 };
        const world = await World.over(seed, schedule, isBeaten ? allAtOnce : {});
        const { journal } = world.watch;
        if (clash.startsWith('store.')) holdUntilBoth(world, clash);
        if (isBeaten) holdUntilBeaten(world, () => jobs[1]?.isOver ?? false);
        const jobs = ['one', 'two'].map((name) =>
          world.rewrap(world.process(name), { target: targetAt('b') }),
        );
        await world.run();
        expect(jobs.map(({ driven }) => endOf(driven))).toEqual(['complete', 'complete']);
        expect(journal.record?.epoch).toBe(2);
        tally.add('a row was lost to the other', journal.lost('replace'));
        tally.add('the record was lost to the other', journal.lost('replaceRotation'));
        tally.add('one joined what the other began', jobs.filter(joined).length);
        await requireSettled(world.watch);
        await requireSound(world.watch);
      });
    await forEachWay(CLASHES, property, 0.06);
    requireAllMet(tally);
  });

  it('with different targets never mix them, and the one that takes over stops the other', async () => {
    const tally = new Tally();
    const property = ({ meeting, takeOver }: Way): fc.IAsyncProperty<unknown> =>
      fc.asyncProperty(schedules, async (schedule) => {
        const isListed = meeting === 'the first writes late';
        // All on one page, so that the second has listed what the first is about to write.
        const world = await World.over(seed, schedule, isListed ? { pageSize: 9 } : {});
        const { journal } = world.watch;
        if (meeting === 'while the first rewraps') {
          world.holdStart('two', () => journal.writes('replace', 'one').length > 0);
        }
        if (meeting === 'both begin at once') holdUntilBoth(world, 'store.replaceRotation');
        if (isListed) holdUntilListed(world);
        if (meeting === 'the first is late') {
          world.holdStart('one', () => journal.record?.epoch === 2);
        }
        const one = world.rewrap(world.process('one'), { target: targetAt('b'), takeOver });
        const two = world.rewrap(world.process('two'), { target: targetAt('c'), takeOver: true });
        await world.run();
        const ends = [one, two].map(({ driven }) => endOf(driven));
        expect(ends).toContain('complete');
        for (const end of ends) expect(ENDS).toContain(end);
        tally.add('the first was stopped', ends[0] === 'ROTATION_SUPERSEDED');
        tally.add('the second was stopped', ends[1] === 'ROTATION_SUPERSEDED');
        tally.add('the first was refused', ends[0] === 'ROTATION_UNFINISHED');
        tally.add('a row was lost to the other', journal.lost('replace'));
        tally.add('the record was lost to the other', journal.lost('replaceRotation'));
        await requireSettled(world.watch);
        await requireSound(world.watch);
      });
    await forEachWay(WAYS, property, 0.04);
    requireAllMet(tally);
  });
});

/** As re-encryption will: neither wrap nor epoch change, and the etag does. */
async function retire({ encryptor }: Process, dekId: string): Promise<void> {
  const item = await encryptor.dekStore.get(dekId);
  const row = { ...(item?.value as DekRow), state: 'retired', retiredAt: RETIRED_AT } as DekRow;
  await encryptor.dekStore.replace(row, item?.etag ?? '');
}

const RETIRED_AT = '2026-01-01T00:00:00.000Z';

describe('a rewrapper that lost a row to someone who left it where it was', () => {
  it('is stopped by a takeover that began before it read the row again', async () => {
    const tally = new Tally();
    const active = await seedOf({ notes: 3 });
    await fc.assert(
      fc.asyncProperty(schedules, async (schedule) => {
        const world = await World.over(active, schedule, { pageSize: 9, concurrency: 1 });
        const { journal } = world.watch;
        const isRetired = (): boolean => journal.writes('replace', 'retirer').length > 0;
        const write = world.holdCall({ process: 'one', what: 'store.replace' }, isRetired);
        const isTakenOver = (): boolean => journal.record?.epoch === 3;
        const again = { process: 'one', what: 'store.get', nth: 'any' } as const;
        const reading = world.holdCall(again, isTakenOver);
        const retirer = world.process('retirer');
        world.holdStart('retirer', () => write.reached);
        world.act('retirer', () => retire(retirer, (write.call?.args[0] as DekRow).id));
        const one = world.rewrap(world.process('one'), { target: targetAt('b') });
        world.holdStart('two', () => reading.reached);
        const two = world.rewrap(world.process('two'), { target: targetAt('c'), takeOver: true });
        // So that its copy of the record stays young, and tells it nothing.
        const tick = { process: 'clock', what: 'tick', nth: 'any' } as const;
        world.holdCall(tick, () => !isTakenOver() || one.isOver);
        await world.run();
        expect([one, two].map(({ driven }) => endOf(driven))).toEqual([
          'ROTATION_SUPERSEDED',
          'complete',
        ]);
        tally.add('it lost the row', journal.lost('replace', 'one'));
        tally.add('it read the row again under the other epoch', reading.reached);
        await requireSettled(world.watch);
        await requireSound(world.watch);
      }),
      partOfRuns(0.1),
    );
    requireAllMet(tally);
  });
});

const MEETINGS = [
  'by chance',
  'both begin at once',
  'while the first rewraps',
  'the first writes late',
  'the first is late',
];
const WAYS = MEETINGS.flatMap((meeting) => [
  { meeting, takeOver: true },
  { meeting, takeOver: false },
]);
type Way = (typeof WAYS)[number];

const ENDS = ['complete', 'ROTATION_SUPERSEDED', 'ROTATION_UNFINISHED'];

const CLASHES = ['by chance', 'at every row', 'store.replace', 'store.replaceRotation'];

/**
 * The first has listed all rows, and before it writes one the other has written all of them. All at
 * times of their own, so that neither takes the other's write for its own.
 */
function holdUntilBeaten(world: World, isOver: () => boolean): void {
  const times = { two: false, one: false };
  const write = world.holdCall({ process: 'one', what: 'store.replace' }, () => times.one);
  world.holdStart('two', () => times.two);
  world.holdStart('time', () => write.reached);
  world.holdCall({ process: 'time', what: 'other is over' }, isOver);
  world.act('time', async () => {
    await world.clock.sleep(1);
    times.two = true;
    await world.pause('time', 'other is over');
    await world.clock.sleep(1);
    times.one = true;
  });
}

/** The first such call of each waits for the other's. */
function holdUntilBoth(world: World, what: string): void {
  const first: Caught[] = [];
  for (const process of ['one', 'two']) {
    const both = (): boolean => first.every(({ reached }) => reached);
    first.push(world.holdCall({ process, what }, both));
  }
}

/** The first wakes up with an etag in hand when the second has listed the rows. */
function holdUntilListed(world: World): void {
  const { journal } = world.watch;
  // Its first listing is for a row of each version, to be opened before it begins.
  const hasListed = (): boolean =>
    journal.count(({ process, method }) => process === 'two' && method === 'list') > 1;
  const write = world.holdCall({ process: 'one', what: 'store.replace', nth: 2 }, hasListed);
  world.holdStart('two', () => write.reached);
  const hasWritten = (): boolean => journal.writes('replace', 'one').length > 1;
  world.holdCall({ process: 'two', what: 'store.replace' }, hasWritten);
}

function joined({ driven }: { readonly driven: { readonly events: readonly object[] } }): boolean {
  return driven.events.some((event) => 'joined' in event && event.joined === true);
}
