import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { envelopeAt, KEY, note } from '../../support/encryptor.js';
import { endOf } from '../../support/rotation/drive.js';
import { targetAt } from '../../support/rotation/meks.js';
import { forEachWay, requireAllMet } from '../../support/rotation/runs.js';
import { seedOf, type Seed } from '../../support/rotation/seeds.js';
import { requireSettled, requireSound } from '../../support/rotation/settling.js';
import { Tally } from '../../support/rotation/tally.js';
import { schedules } from '../../support/rotation/schedule.js';
import { World } from '../../support/rotation/world.js';

let seed: Seed;

beforeAll(async () => {
  seed = await seedOf({ notes: 2, tombstone: true });
});

const ID = 'note-0';
const MEETINGS = ['by chance', 'rewrapper late', 'shredder late', 'shredded first'];

/** Shreds the document, and writes it anew under its next DEK; and all that once more. */
function shredAndWrite(world: World, dekId: string, done: string[]): void {
  const process = world.process('shredder');
  world.act('shredder', async () => {
    world.watch.documents.beginShred(dekId.slice(0, 32));
    for (const body of ['written again', 'and again']) {
      const { shredded } = await process.encryptor.shred(note, { ...KEY, id: ID });
      done.push(...shredded);
      await world.write(process, ID, body);
    }
  });
}

function arrange(world: World, meeting: string, dekId: string): void {
  const { journal } = world.watch;
  const isShredded = (): boolean =>
    journal.writes('replace', 'shredder').some(({ row }) => row.id === dekId);
  const isRewrapped = (): boolean =>
    journal.writes('replace', 'rewrapper').some(({ row }) => row.id === dekId);
  if (meeting === 'rewrapper late') {
    const writes = [1, 2].map((nth) =>
      world.holdCall({ process: 'rewrapper', what: 'store.replace', nth }, isShredded),
    );
    world.holdStart('shredder', () => writes.every(({ reached }) => reached));
  }
  if (meeting === 'shredder late') {
    const shred = world.holdCall({ process: 'shredder', what: 'store.replace' }, isRewrapped);
    world.holdStart('rewrapper', () => shred.reached);
  }
  if (meeting === 'shredded first') world.holdStart('rewrapper', isShredded);
}

describe('a shred against a rewrap', () => {
  it('leaves a tombstone that stays dead, and a next DEK on the target', async () => {
    const tally = new Tally();
    const dekId = envelopeAt(seed.documents[0]?.stored ?? {}, 'body').dekId;
    const property = (meeting: string): fc.IAsyncProperty<unknown> =>
      fc.asyncProperty(schedules, async (schedule) => {
        const isLate = meeting === 'rewrapper late';
        // All rows listed and under way at once, so that the one is among those that wait.
        const allAtOnce = { pageSize: 9, concurrency: 3 };
        const world = await World.over(seed, schedule, isLate ? allAtOnce : {});
        const { journal } = world.watch;
        const shredded: string[] = [];
        arrange(world, meeting, dekId);
        shredAndWrite(world, dekId, shredded);
        const job = world.rewrap(world.process('rewrapper'), { target: targetAt('b') });
        await world.run();
        expect(endOf(job.driven)).toBe('complete');
        const made = journal.writes('create').map(({ row }) => row);
        expect(made).toMatchObject([{ generation: 2 }, { generation: 3 }]);
        expect(shredded).toEqual([dekId, made[0]?.id]);
        const states = [dekId, ...made.map(({ id }) => id)].map(
          (id) => world.watch.rowOf(id).state,
        );
        expect(states).toEqual(['shredded', 'shredded', 'active']);
        tally.add('the rewrapper lost the row', journal.lost('replace', 'rewrapper'));
        tally.add('the shredder lost the row', journal.lost('replace', 'shredder'));
        await requireSettled(world.watch);
        await requireSound(world.watch);
      });
    await forEachWay(MEETINGS, property, 0.08);
    requireAllMet(tally);
  });
});
