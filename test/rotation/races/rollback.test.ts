import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { LiveDekRow } from '../../../src/adapters.js';
import { StoreError } from '../../../src/index.js';
import { endOf } from '../../support/rotation/drive.js';
import { nameOf, targetAt } from '../../support/rotation/meks.js';
import { forEachWay, requireAllMet } from '../../support/rotation/runs.js';
import { seedOf, type Seed } from '../../support/rotation/seeds.js';
import { requireSettled, requireSound } from '../../support/rotation/settling.js';
import { Tally } from '../../support/rotation/tally.js';
import { schedules } from '../../support/rotation/schedule.js';
import type { Caught } from '../../support/rotation/turns.js';
import { World, type Faults } from '../../support/rotation/world.js';

let seed: Seed;

beforeAll(async () => {
  seed = await seedOf({ notes: 3, retired: true });
});

const BACK = { target: targetAt('a'), takeOver: true };
const ROLLBACK = { target: targetAt('a'), back: true };

const PLACES = ['before its write', 'before its check of the record'] as const;
type Place = (typeof PLACES)[number];

const WAYS = PLACES.flatMap((place) => [
  { place, back: BACK },
  { place, back: ROLLBACK },
]);

/** Which of its rows the first job falls asleep over. */
const rows = fc.integer({ min: 1, max: 3 });

/** The first job falls asleep with a row's etag in hand. */
function putToSleep(world: World, place: Place, nth: number, until: () => boolean): Caught {
  return place === 'before its write'
    ? world.holdCall({ process: 'one', what: 'store.replace', nth }, until)
    : // The round trip before the beginning wraps once too.
      world.holdCall(
        { process: 'one', what: 'provider.wrapKey', phase: 'answered', nth: nth + 1 },
        until,
      );
}

describe('a rollback while the first job sleeps with an etag in hand', () => {
  it('is not undone when that job wakes up: it stops, and has written nothing', async () => {
    const tally = new Tally();
    const property = ({ place, back }: (typeof WAYS)[number]): fc.IAsyncProperty<unknown> =>
      fc.asyncProperty(schedules, rows, async (schedule, nth) => {
        const world = await World.over(seed, schedule);
        const { journal } = world.watch;
        const isBack = (): boolean =>
          journal.record?.epoch === 3 && journal.record.state === 'complete';
        const sleeping = putToSleep(world, place, nth, isBack);
        world.holdStart('two', () => sleeping.reached);
        const one = world.rewrap(world.process('one'), { target: targetAt('b') });
        const two = world.rewrap(world.process('two'), back);
        await world.run();
        expect(endOf(one.driven)).toBe('ROTATION_SUPERSEDED');
        expect(endOf(two.driven)).toBe('complete');
        const ofTwo = journal.count(
          ({ process, subject }) => process === 'two' && subject === 'provider',
        );
        // A round trip and a proof: rows flip, or never left.
        if (back === ROLLBACK) expect(ofTwo).toBe(3);
        tally.add('a row flipped', two.driven.summary?.flipped ?? 0);
        const late = journal.count(
          ({ process, method, code, record }) =>
            process === 'one' &&
            method === 'replace' &&
            code === 'ETAG_MISMATCH' &&
            record?.state === 'complete',
        );
        tally.add('it wrote over an old etag when it woke up', late);
        tally.add('it found another epoch before it wrote', late === 0);
        const moved = journal.writes('replace', 'two').map(({ row }) => row as LiveDekRow);
        tally.add('a row was moved back', moved.filter(({ previousWrap }) => previousWrap).length);
        tally.add('only an epoch moved', moved.filter((row) => !row.previousWrap).length);
        await requireSettled(world.watch);
        await requireSound(world.watch);
      });
    await forEachWay(WAYS, property, 0.06);
    requireAllMet(tally);
  });
});

const UNREACHABLE = new StoreError('STORE_UNAVAILABLE', 'connection reset');
const FAILURES = ['once', 'forever', 'after it was written'] as const;
type Failure = (typeof FAILURES)[number];

/** What happens to writes that move only an epoch. */
function failingEpochMoves(failure: Failure): { readonly faults: Faults; count: number } {
  const failed = {
    count: 0,
    faults: ({ process, method, args }): ReturnType<Faults> => {
      if (process !== 'two' || method !== 'replace') return undefined;
      const row = args[0] as LiveDekRow;
      const isMoved = nameOf(row) === 'a' && row.previousWrap === undefined;
      if (!isMoved || (failure !== 'forever' && failed.count > 0)) return undefined;
      failed.count += 1;
      return failure === 'after it was written' ? { after: UNREACHABLE } : { before: UNREACHABLE };
    },
  } satisfies { faults: Faults; count: number };
  return failed;
}

describe('an epoch-only move that fails', () => {
  it('leaves the rotation incomplete until it succeeds, while any process holds an etag', async () => {
    const tally = new Tally();
    const property = (failure: Failure): fc.IAsyncProperty<unknown> =>
      fc.asyncProperty(schedules, rows, async (schedule, nth) => {
        const world = await World.over(seed, schedule);
        const { journal } = world.watch;
        const moves = failingEpochMoves(failure);
        world.faults = moves.faults;
        const sleeping = putToSleep(world, 'before its write', nth, () => two.isOver);
        world.holdStart('two', () => sleeping.reached);
        const one = world.rewrap(world.process('one'), { target: targetAt('b') });
        const two = world.rewrap(world.process('two'), BACK);
        await world.run();
        expect(moves.count).toBeGreaterThan(0);
        expect(endOf(one.driven)).toBe('ROTATION_SUPERSEDED');
        const isLost = failure === 'forever';
        expect(endOf(two.driven)).toBe(isLost ? 'incomplete' : 'complete');
        expect(journal.record?.state).toBe(isLost ? 'rewrapping' : 'complete');
        // A write whose answer was lost is read again before it is judged.
        const failed = two.driven.events.filter(({ type }) => type === 'failed');
        expect(failed.length > 0).toBe(failure !== 'after it was written');
        const late = journal
          .writes('replace', 'one')
          .filter(({ record }) => record?.epoch === 3).length;
        tally.add('the first job wrote late over a row that was not moved', late);
        if (!isLost) await requireSettled(world.watch);
        await requireSound(world.watch);
      });
    await forEachWay(FAILURES, property, 0.08);
    requireAllMet(tally);
  });
});

describe('a rollback beside the rotation that it undoes, and writers', () => {
  it('ends with every row back, whatever they do to each other', async () => {
    const tally = new Tally();
    const property = fc.asyncProperty(schedules, async (schedule) => {
      const world = await World.over(seed, schedule);
      const { journal } = world.watch;
      world.holdStart('two', () => journal.writes('replace', 'one').length > 0);
      world.holdStart('three', () => journal.writes('replace', 'one').length > 1);
      const one = world.rewrap(world.process('one'), { target: targetAt('b') });
      const two = world.rewrap(world.process('two'), ROLLBACK);
      const three = world.rewrap(world.process('three'), ROLLBACK);
      const writer = world.process('writer');
      world.act('writer', () => world.write(writer, 'beside', 'written beside'));
      await world.run();
      const ends = [two, three].map(({ driven }) => endOf(driven));
      expect(ends).toEqual(['complete', 'complete']);
      expect(['ROTATION_SUPERSEDED', 'complete']).toContain(endOf(one.driven));
      expect(journal.record?.epoch).toBe(3);
      const flips = [two, three].map(({ driven }) => driven.summary?.flipped ?? 0);
      tally.add(
        'both flipped rows',
        flips.every((each) => each > 0),
      );
      tally.add('a row was lost to the other', journal.lost('replace'));
      await requireSettled(world.watch);
      await requireSound(world.watch);
    });
    await forEachWay(['any'], () => property, 0.15);
    requireAllMet(tally);
  });
});
