import { placeOf } from '../../../src/document/document-draft.js';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { StoreError } from '../../../src/index.js';
import { KEY, note } from '../../support/encryptor.js';
import { endOf } from '../../support/rotation/drive.js';
import type { Call } from '../../support/rotation/intercepted.js';
import { ALL_MEKS, targetAt } from '../../support/rotation/meks.js';
import { forEachWay, partOfRuns, requireAllMet } from '../../support/rotation/runs.js';
import { seedOf, type Seed } from '../../support/rotation/seeds.js';
import { requireSettled, requireSound } from '../../support/rotation/settling.js';
import { Tally } from '../../support/rotation/tally.js';
import { schedules } from '../../support/rotation/schedule.js';
import { World, type Faults, type Job } from '../../support/rotation/world.js';

let seed: Seed;

beforeAll(async () => {
  seed = await seedOf({ notes: 2, retired: true, tombstone: true });
});

describe('a first DEK and a first rotation, of a product that has nothing', () => {
  it('agree on one record, and the DEK is on its target', async () => {
    const tally = new Tally();
    const nothing = await seedOf({ notes: 0 });
    const property = (first: string): fc.IAsyncProperty<unknown> =>
      fc.asyncProperty(schedules, async (schedule) => {
        const starts = schedule[0].starts.map((others) => others % 8);
        const world = await World.over(nothing, schedule, { starts });
        const { journal } = world.watch;
        const isMade = (): boolean => journal.record !== undefined;
        for (const name of ['one', 'two']) {
          if (first === 'the rewrapper') world.holdStart(name, isMade);
          const process = world.process(name);
          world.act(name, () => world.write(process, 'first', 'the first document'));
        }
        if (first === 'a writer') world.holdStart('rewrapper', isMade);
        const job = world.rewrap(world.process('rewrapper'), { target: targetAt('b') });
        await world.run();
        expect(endOf(job.driven)).toBe('complete');
        expect(journal.writes('create')).toHaveLength(1);
        const { epoch = 0 } = journal.record ?? {};
        tally.add('the record was made by the rewrapper', epoch === 1);
        tally.add('a rotation began over the record', epoch === 2);
        await requireSettled(world.watch);
        await requireSound(world.watch);
      });
    await forEachWay(['the rewrapper', 'a writer', 'by chance'], property, 0.08);
    requireAllMet(tally);
  });
});

const faults = fc.dictionary(
  fc.integer({ min: 1, max: 120 }).map(String),
  fc.constantFrom('before', 'after'),
  { maxKeys: 6 },
);
type FaultsByCall = Readonly<Record<string, 'after' | 'before'>>;

const UNREACHABLE = new StoreError('STORE_UNAVAILABLE', 'connection reset');

/** By the number of the call among those of all rewrappers. */
function failing(byCall: FaultsByCall): Faults {
  let calls = 0;
  return ({ process }: Call) => {
    if (!process.startsWith('rewrapper')) return undefined;
    calls += 1;
    const fault = byCall[String(calls)];
    if (fault === undefined) return undefined;
    return fault === 'before' ? { before: UNREACHABLE } : { after: UNREACHABLE };
  };
}

function rewrapToEach(world: World): readonly Job[] {
  return ALL_MEKS.map((name) =>
    world.rewrap(world.process(`rewrapper to ${name}`), { target: targetAt(name), takeOver: true }),
  );
}

function writeAndShred(world: World): void {
  for (const name of ['writer', 'other writer']) {
    const process = world.process(name);
    world.act(name, async () => {
      await world.write(process, 'shared', `by the ${name}`);
      await world.pause(name, 'second document');
      await world.write(process, 'note-0', `by the ${name}`);
    });
  }
  const shredder = world.process('shredder');
  const key = { ...KEY, id: 'note-0' };
  world.act('shredder', async () => {
    world.watch.documents.beginShred(placeOf(note, 'notelett', key).scope.scopeId);
    await shredder.encryptor.shred(note, key);
  });
}

describe('rewraps to three targets that take over from each other, writers and a shred', () => {
  it('keep every invariant, and leave what one plain run completes', async () => {
    const tally = new Tally();
    await fc.assert(
      fc.asyncProperty(schedules, faults, async (schedule, byCall) => {
        const world = await World.over(seed, schedule);
        world.faults = failing(byCall);
        const jobs = rewrapToEach(world);
        writeAndShred(world);
        await world.run();
        const ends = jobs.map(({ driven }) => endOf(driven));
        tally.add('a takeover', ends.includes('ROTATION_SUPERSEDED'));
        tally.add('a failure', ends.includes('STORE_UNAVAILABLE'));
        tally.add('a rotation that came to its end', ends.includes('complete'));
        await requireSound(world.watch);
      }),
      partOfRuns(0.3),
    );
    requireAllMet(tally);
  });
});
