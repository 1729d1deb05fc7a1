import { readRotationItem } from '../../../src/store/dek-store.js';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RotationRecord } from '../../../src/adapters.js';
import { PRODUCT } from '../../support/encryptor.js';
import { endOf } from '../../support/rotation/drive.js';
import { targetAt } from '../../support/rotation/meks.js';
import { forEachWay, partOfRuns } from '../../support/rotation/runs.js';
import { seedOf, type Seed } from '../../support/rotation/seeds.js';
import { requireSettled, requireSound } from '../../support/rotation/settling.js';
import type { Process } from '../../support/rotation/watch.js';
import { schedules } from '../../support/rotation/schedule.js';
import { World } from '../../support/rotation/world.js';

let seed: Seed;

beforeAll(async () => {
  seed = await seedOf({ notes: 2 });
});

const LONGER_TTL_MS = 3_000;

/** As an operator will who wants fewer reads. */
async function raiseTtl({ encryptor }: Process): Promise<void> {
  const item = await readRotationItem(encryptor.dekStore, PRODUCT);
  const record = { ...(item?.value as RotationRecord), fenceTtlMs: LONGER_TTL_MS };
  await encryptor.dekStore.replaceItem(record, item?.etag ?? '');
}

describe('a record that someone else changes under a rotation', () => {
  it('keeps the change, and the fence is waited for again, as long as the record then says', async () => {
    const property = (state: string): fc.IAsyncProperty<unknown> =>
      fc.asyncProperty(schedules, async (schedule) => {
        const world = await World.over(seed, schedule);
        const { journal } = world.watch;
        let raisedAtMs = 0;
        let passedAtMs = 0;
        world.onExecuted = ({ method, process, args }) => {
          if (method !== 'replaceRotation') return;
          const now = world.clock.monotonicMs();
          if (process === 'operator') raisedAtMs = now;
          else if ((args[0] as RotationRecord).state === 'rewrapping') passedAtMs = now;
        };
        const operator = world.process('operator');
        // After the rewrapper's own read, so that its copy is the old one.
        const nth = state === 'fencing' ? 2 : 3;
        const write = world.holdCall(
          { process: 'rewrapper', what: 'store.replaceRotation', nth },
          () => raisedAtMs > 0,
        );
        world.holdStart('operator', () => write.reached);
        world.act('operator', () => raiseTtl(operator));
        const job = world.rewrap(world.process('rewrapper'), { target: targetAt('b') });
        await world.run();
        expect(endOf(job.driven)).toBe('complete');
        expect(journal.lost('replaceRotation', 'rewrapper')).toBe(1);
        expect(journal.record).toMatchObject({ state: 'complete', fenceTtlMs: LONGER_TTL_MS });
        if (state === 'fencing') {
          expect(passedAtMs - raisedAtMs).toBeGreaterThanOrEqual(LONGER_TTL_MS);
        }
        await requireSettled(world.watch);
        await requireSound(world.watch);
      });
    await forEachWay(['fencing', 'rewrapping'], property, 0.05);
  });
});

describe('a rotation that was left in its fence', () => {
  it('has its whole fence waited for again, by the process that continues it', async () => {
    await fc.assert(
      fc.asyncProperty(schedules, fc.integer({ min: 1, max: 3 }), async (schedule, events) => {
        const world = await World.over(seed, schedule);
        const writer = world.process('writer');
        const create = world.holdCall(
          { process: 'writer', what: 'store.create' },
          () => second.isOver,
        );
        world.act('writer', () => world.write(writer, 'late', 'wrapped before the rotation'));
        world.holdStart('first', () => create.reached);
        const first = world.rewrap(world.process('first'), { target: targetAt('b') }, events);
        world.holdStart('second', () => first.isOver);
        const second = world.rewrap(world.process('second'), { target: targetAt('b') });
        await world.run();
        expect([first, second].map(({ driven }) => endOf(driven))).toEqual(['left', 'complete']);
        await requireSettled(world.watch);
        await requireSound(world.watch);
      }),
      partOfRuns(0.1),
    );
  });
});
