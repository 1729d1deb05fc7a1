import { deepEqual, equal } from 'node:assert/strict';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { LiveDekRow } from '../../../src/adapters.js';
import { prunePreviousWraps, type MaintenanceSummary } from '../../../src/index.js';
import { AutoClock } from '../../support/rotation/auto-clock.js';
import { endStateOf } from '../../support/rotation/crash-scenarios.js';
import { CRASHES, mortal, type CrashPoint, type Mortal } from '../../support/rotation/crashing.js';
import { endOf } from '../../support/rotation/drive.js';
import { writtenBy } from '../../support/rotation/journal.js';
import { targetAt } from '../../support/rotation/meks.js';
import { forEachWay, requireAllMet } from '../../support/rotation/runs.js';
import { schedules } from '../../support/rotation/schedule.js';
import { seedOf, type Seed } from '../../support/rotation/seeds.js';
import { requireSettled, requireSound, runAgain } from '../../support/rotation/settling.js';
import { Tally } from '../../support/rotation/tally.js';
import { Watch, type Process } from '../../support/rotation/watch.js';
import { World } from '../../support/rotation/world.js';
import { perLane } from '../../support/lane.js';

/** Rows that all keep a wrap under `a`. */
let seed: Seed;

beforeAll(async () => {
  const watch = await Watch.over(await seedOf({ notes: 2, retired: true, tombstone: true }));
  await runAgain(watch, { target: targetAt('b') });
  seed = await watch.toSeed();
});

async function prune({ encryptor }: Process, concurrency = 2): Promise<MaintenanceSummary> {
  const rewrappedBefore = new Date(encryptor.clock.wallMs());
  const pruning = prunePreviousWraps(encryptor, { rewrappedBefore, concurrency });
  let step = await pruning.next();
  while (!step.done) step = await pruning.next();
  return step.value;
}

/** Long after the rotation: its rows are old enough. */
function late(): AutoClock {
  const clock = new AutoClock();
  clock.advance(3_600_000);
  return clock;
}

async function crashOf(watch: Watch, { process, death }: Mortal): Promise<void> {
  await Promise.race([prune(process).catch(() => undefined), death]);
  await watch.check();
}

async function requireRecovery(watch: Watch, end: unknown): Promise<void> {
  const rerun = watch.process('rerun', { clock: late() });
  equal((await prune(rerun)).complete, true);
  await watch.check();
  deepEqual(endStateOf(watch), end, 'I8: another end state');
  const { etags } = watch.snapshot;
  equal((await prune(rerun)).changed, 0);
  await watch.check();
  equal(watch.snapshot.etags, etags, 'I8: the second rerun has written');
}

async function undisturbed(): Promise<{ calls: number; writes: number[]; end: unknown }> {
  const watch = await Watch.over(seed);
  const { process, calls } = mortal(watch, 'undisturbed', { clock: late() });
  expect(await prune(process)).toMatchObject({ complete: true, changed: 4 });
  await watch.check();
  const writes = calls.flatMap((call, index) => (writtenBy(call) ? [index + 1] : []));
  return { calls: calls.length, writes, end: endStateOf(watch) };
}

/** Which calls crash: in the fast lane a part. */
const EVERY = perLane(4, 1);

describe('pruning that crashes', () => {
  it('at any one call ends, after a rerun, where it would have ended', async () => {
    const { calls, end } = await undisturbed();
    expect(calls).toBeGreaterThan(10);
    for (let call = 1; call <= calls; call += EVERY) {
      for (const crash of CRASHES) {
        const watch = await Watch.over(seed);
        await crashOf(watch, mortal(watch, 'crash', { point: { call, crash }, clock: late() }));
        await requireRecovery(watch, end);
      }
    }
  });

  it('not, and just never hears one answer to a write, reports no failure', async () => {
    const { writes, end } = await undisturbed();
    expect(writes).toHaveLength(4);
    for (const call of writes) {
      const watch = await Watch.over(seed);
      const point: CrashPoint = { call, crash: 'unanswered' };
      const { process } = mortal(watch, 'unanswered', { point, clock: late() });
      expect(await prune(process)).toMatchObject({ complete: true, changed: 4, failed: 0 });
      await watch.check();
      expect(endStateOf(watch)).toEqual(end);
    }
  });
});

const WAYS = ['free', 'held'] as const;
type Way = (typeof WAYS)[number];

/** The rotation begins when a row was pruned, and one pruner is late with a row of the other. */
function holdBack(world: World): void {
  const isPruned = (): boolean => world.watch.journal.writes('replace', 'pruner').length > 0;
  world.holdStart('rotation', isPruned);
  world.holdCall({ process: 'another pruner', what: 'store.replace' }, isPruned);
}

describe('pruning beside rotations', () => {
  it.each([
    ['a rotation', { target: targetAt('c') }],
    ['a rollback', { target: targetAt('a'), back: true }],
  ])('stops for %s, which ends as if it had not been there', async (_what, rotation) => {
    const tally = new Tally();
    const property = (way: Way): fc.IAsyncProperty<unknown> =>
      fc.asyncProperty(schedules, async (schedule) => {
        const world = await World.over(seed, schedule);
        world.clock.advance(3_600_000);
        const { journal } = world.watch;
        const ends: string[] = [];
        if (way === 'held') holdBack(world);
        for (const name of ['pruner', 'another pruner']) {
          const process = world.process(name);
          world.act(name, async () => {
            const ended = prune(process, 1).then(({ complete }) => (complete ? 'complete' : 'not'));
            ends.push(await ended.catch((error: unknown) => (error as { code: string }).code));
          });
        }
        const job = world.rewrap(world.process('rotation'), rotation);
        await world.run();
        expect(endOf(job.driven)).toBe('complete');
        for (const end of ends) {
          expect(['complete', 'ROTATION_SUPERSEDED', 'ROTATION_UNFINISHED']).toContain(end);
        }
        const isPruned = ({ row }: { readonly row: unknown }): boolean =>
          (row as LiveDekRow).previousWrap === undefined;
        const pruned = journal
          .writes('replace')
          .filter((write) => write.process.includes('pruner') && isPruned(write));
        tally.add('rows were pruned', pruned.length);
        tally.add('it stopped in the middle', ends.includes('ROTATION_SUPERSEDED'));
        tally.add('a row was lost to the other', journal.lost('replace'));
        await requireSettled(world.watch);
        await requireSound(world.watch);
      });
    await forEachWay(WAYS, property, 0.1);
    requireAllMet(tally);
  });
});
