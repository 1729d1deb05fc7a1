import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LiveDekRow } from '../../src/adapters.js';
import { addRecoveryWraps, recoverDeks } from '../../src/index.js';
import { dekInRecoveryWrap, PAIR } from '../support/recovery-pairs.js';
import { endOf } from '../support/rotation/drive.js';
import { openWrap, targetAt } from '../support/rotation/meks.js';
import type { Operator } from '../support/rotation/operator.js';
import { forEachWay, requireAllMet } from '../support/rotation/runs.js';
import { schedules } from '../support/rotation/schedule.js';
import { seedOf } from '../support/rotation/seeds.js';
import { requireSettled, requireSound } from '../support/rotation/settling.js';
import { Tally } from '../support/rotation/tally.js';
import type { Watch } from '../support/rotation/watch.js';
import { World } from '../support/rotation/world.js';

const { publicKey: recoveryKey, privateKey } = PAIR;
const SOME_ROWS = { notes: 2, retired: true, tombstone: true };

/** Has just the new MEK: every version of the old one is lost. */
const RECOVERER: Operator = {
  keys: ['b'],
  rotate: (encryptor, options) => recoverDeks(encryptor, { ...options, privateKey }),
};

function liveIn({ snapshot }: Watch): readonly LiveDekRow[] {
  return [...snapshot.rows.values()].flatMap(({ row }) => (row.state === 'shredded' ? [] : [row]));
}

/** Its first write of a row comes too late: the other has read that row later, and written it first. */
function beLate(world: World, late: string, early: string): void {
  const { journal } = world.watch;
  const held = world.holdCall({ process: late, what: 'store.replace' }, () => {
    const row = held.call?.args[0] as LiveDekRow | undefined;
    return journal.writes('replace', early).some((each) => each.row.id === row?.id);
  });
  world.holdStart(early, () => held.reached);
}

describe('two recoveries beside a writer', () => {
  it('share one rotation and finish it, and what was written meanwhile is under the new MEK', async () => {
    const tally = new Tally();
    const seed = { ...(await seedOf({ ...SOME_ROWS, recoveryKey })), operator: RECOVERER };
    const property = (late: string): fc.IAsyncProperty<unknown> =>
      fc.asyncProperty(schedules, async (schedule) => {
        const world = await World.over(seed, schedule, { pageSize: 9 });
        const { journal } = world.watch;
        if (late === 'two') beLate(world, 'two', 'one');
        // Until then a new DEK cannot be made: the record names the MEK that is lost.
        world.holdStart('writer', () => journal.record?.epoch === 2);
        const writer = world.process('writer', { recoveryKey });
        world.act('writer', async () => {
          await world.write(writer, 'added', 'in the middle');
          await world.write(writer, 'another', 'in the middle');
        });
        const jobs = ['one', 'two'].map((name) =>
          world.rewrap(world.process(name), { target: targetAt('b') }),
        );
        await world.run();
        expect(jobs.map(({ driven }) => endOf(driven))).toEqual(['complete', 'complete']);
        expect(journal.record?.epoch).toBe(2);
        tally.add('a row was lost to the other', journal.lost('replace'));
        tally.add('a DEK was made during the recovery', journal.writes('create').length > 0);
        await requireSettled(world.watch);
        await requireSound(world.watch);
      });
    await forEachWay(['two', 'by chance'], property, 0.1);
    requireAllMet(tally);
  });
});

describe('recovery wraps that are added beside a rotation and writers', () => {
  it('are on every row in the end, and hold its DEK', async () => {
    const tally = new Tally();
    const seed = await seedOf(SOME_ROWS);
    const property = (late: string): fc.IAsyncProperty<unknown> =>
      fc.asyncProperty(schedules, async (schedule) => {
        const world = await World.over(seed, schedule, { pageSize: 9 });
        const { journal } = world.watch;
        if (late === 'adder') beLate(world, 'adder', 'rewrapper');
        if (late === 'rewrapper') beLate(world, 'rewrapper', 'adder');
        const adder = world.process('adder', { recoveryKey });
        world.act('adder', async () => {
          let lost = 0;
          for await (const event of addRecoveryWraps(adder.encryptor, { concurrency: 2 })) {
            if (event.type === 'failed') lost += 1;
            await world.pause('adder', 'pull');
          }
          expect(lost).toBe(0);
        });
        const writer = world.process('writer', { recoveryKey });
        world.act('writer', () => world.write(writer, 'added', 'in the middle'));
        const job = world.rewrap(world.process('rewrapper'), { target: targetAt('b') });
        await world.run();
        await world.watch.check();
        expect(endOf(job.driven)).toBe('complete');
        for (const row of liveIn(world.watch)) {
          expect(dekInRecoveryWrap(row)).toBe(openWrap(row).toString('hex'));
        }
        tally.add('the adder lost a row', journal.lost('replace', 'adder'));
        tally.add('the rewrapper lost a row', journal.lost('replace', 'rewrapper'));
        await requireSettled(world.watch);
        await requireSound(world.watch);
      });
    await forEachWay(['adder', 'rewrapper', 'by chance'], property, 0.08);
    requireAllMet(tally);
  });
});
