import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { takeCensus } from '../../../src/index.js';
import { PRODUCT } from '../../support/encryptor.js';
import { endOf } from '../../support/rotation/drive.js';
import type { Execution } from '../../support/rotation/journal.js';
import { targetAt } from '../../support/rotation/meks.js';
import { forEachWay, partOfRuns, requireAllMet } from '../../support/rotation/runs.js';
import { seedOf, type Seed } from '../../support/rotation/seeds.js';
import { requireSettled, requireSound } from '../../support/rotation/settling.js';
import { Tally } from '../../support/rotation/tally.js';
import type { Process } from '../../support/rotation/watch.js';
import { schedules } from '../../support/rotation/schedule.js';
import type { HeldCall } from '../../support/rotation/turns.js';
import { World } from '../../support/rotation/world.js';

let seed: Seed;

beforeAll(async () => {
  seed = await seedOf({ notes: 2 });
});

const TO_B = { target: targetAt('b') };

function isComplete({ watch }: World, epoch: number): boolean {
  const { record } = watch.journal;
  return record?.epoch === epoch && record.state === 'complete';
}

const CREATE: HeldCall = { process: 'writer', what: 'store.create' };

interface Lateness {
  /** Where the writer of a new DEK is, when a rotation begins. */
  readonly at?: HeldCall;
  /** It goes on when this one is complete. */
  readonly epoch?: number;
  readonly write?: (world: World, writer: Process) => Promise<void>;
}

function createLate(
  world: World,
  { at = CREATE, epoch = 2, write = writeLate }: Lateness = {},
): void {
  const writer = world.process('writer');
  const late = world.holdCall(at, () => isComplete(world, epoch));
  world.act('writer', () => write(world, writer));
  world.holdStart('first', () => late.reached);
}

function writeLate(world: World, writer: Process): Promise<void> {
  return world.write(writer, 'late', 'written late');
}

function landedBehind({ record, args }: Execution): boolean {
  const { epoch } = args[0] as { readonly epoch: number };
  return record?.state === 'complete' && epoch < record.epoch;
}

describe('a create that lands after the rotation', () => {
  it('is brought to the target by its writer, and needs no rerun', async () => {
    const tally = new Tally();
    await fc.assert(
      fc.asyncProperty(schedules, async (schedule) => {
        const world = await World.over(seed, schedule);
        const { journal } = world.watch;
        createLate(world);
        const first = world.rewrap(world.process('first'), TO_B);
        await world.run();
        expect(endOf(first.driven)).toBe('complete');
        tally.add('landed behind', journal.writes('create').filter(landedBehind).length);
        tally.add('repaired by its writer', journal.writes('replace', 'writer').length);
        await requireSettled(world.watch);
        await requireSound(world.watch);
      }),
      partOfRuns(0.15),
    );
    requireAllMet(tally);
  });

  it('may be moved by the next rotation before its writer moves it', async () => {
    const tally = new Tally();
    const property = (isTight: boolean): fc.IAsyncProperty<unknown> =>
      fc.asyncProperty(schedules, async (schedule) => {
        const world = await World.over(seed, schedule);
        const { journal } = world.watch;
        createLate(world);
        const hasLanded = (): boolean => journal.writes('create').some(landedBehind);
        const first = world.rewrap(world.process('first'), TO_B);
        world.holdStart('second', hasLanded);
        const second = world.rewrap(world.process('second'), { target: targetAt('c') });
        if (isTight) {
          const isMoved = (): boolean =>
            journal
              .writes('replace', 'second')
              .some(({ row }) => journal.writes('create').some((each) => each.row.id === row.id));
          world.holdCall({ process: 'writer', what: 'store.replace' }, isMoved);
        }
        await world.run();
        expect([first, second].map(({ driven }) => endOf(driven))).toEqual([
          'complete',
          'complete',
        ]);
        tally.add('its writer was too late', journal.lost('replace', 'writer'));
        tally.add('its writer came first', journal.writes('replace', 'writer').length);
        await requireSettled(world.watch);
        await requireSound(world.watch);
      });
    await forEachWay([true, false], property, 0.1);
    requireAllMet(tally);
  });

  it('has just its epoch moved where that rotation was rolled back', async () => {
    const tally = new Tally();
    await fc.assert(
      fc.asyncProperty(schedules, async (schedule) => {
        const world = await World.over(seed, schedule);
        const { journal } = world.watch;
        createLate(world, { epoch: 3 });
        const first = world.rewrap(world.process('first'), TO_B);
        world.holdStart('back', () => isComplete(world, 2));
        const back = world.rewrap(world.process('back'), { target: targetAt('a') });
        await world.run();
        expect([first, back].map(({ driven }) => endOf(driven))).toEqual(['complete', 'complete']);
        tally.add('landed behind', journal.writes('create').filter(landedBehind).length);
        for (const { row } of journal.writes('replace', 'writer')) {
          expect(row).not.toHaveProperty('previousWrap');
          tally.add('moved by its writer', row.epoch === 3);
        }
        await requireSettled(world.watch);
        await requireSound(world.watch);
      }),
      partOfRuns(0.1),
    );
    requireAllMet(tally);
  });

  it('and whose writer hears no answer stays behind, which a rerun repairs', async () => {
    const tally = new Tally();
    await fc.assert(
      fc.asyncProperty(schedules, async (schedule) => {
        const world = await World.over(seed, schedule);
        const { journal, memory } = world.watch;
        world.faults = ({ process, method }) =>
          process === 'writer' && method === 'create'
            ? { after: new Error('connection reset') }
            : undefined;
        createLate(world, {
          write: async (_world, writer) => {
            await expect(writeLate(world, writer)).rejects.toThrow('connection reset');
          },
        });
        const first = world.rewrap(world.process('first'), TO_B);
        await world.run();
        expect(endOf(first.driven)).toBe('complete');
        const census = await takeCensus({ product: PRODUCT, dekStore: memory });
        const landed = journal.writes('create').filter(landedBehind).length;
        expect(census).toMatchObject({ behind: landed, settled: landed === 0 });
        tally.add('left behind', landed);
        await requireSound(world.watch);
      }),
      partOfRuns(0.1),
    );
    requireAllMet(tally);
  });
});

const BEFORE_CREATE: readonly HeldCall[] = [
  { process: 'writer', what: 'provider.wrapKey', phase: 'answered' },
  { process: 'writer', what: 'store.getRotation', phase: 'answered' },
];

describe('a create that is not sent before the rotation is complete', () => {
  it('is sent under the new epoch alone, whatever its writer had read and wrapped', async () => {
    const property = (at: HeldCall): fc.IAsyncProperty<unknown> =>
      fc.asyncProperty(schedules, async (schedule) => {
        const world = await World.over(seed, schedule);
        const { journal } = world.watch;
        createLate(world, { at });
        const first = world.rewrap(world.process('first'), TO_B);
        await world.run();
        expect(endOf(first.driven)).toBe('complete');
        expect(journal.writes('create').map(({ row }) => row.epoch)).toEqual([2]);
        expect(journal.writes('replace', 'writer')).toEqual([]);
        await requireSettled(world.watch);
        await requireSound(world.watch);
      });
    await forEachWay(BEFORE_CREATE, property, 0.1);
  });
});
