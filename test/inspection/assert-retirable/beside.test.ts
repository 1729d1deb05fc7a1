import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { KeyWrap, LiveDekRow } from '../../../src/adapters.js';
import {
  assertRetirable,
  isFieldEncryptionError,
  KeyProviderError,
  prunePreviousWraps,
  type FieldEncryptor,
} from '../../../src/index.js';
import { endOf } from '../../support/rotation/drive.js';
import type { Call } from '../../support/rotation/intercepted.js';
import { nameOf, targetAt } from '../../support/rotation/meks.js';
import { forEachWay, requireAllMet } from '../../support/rotation/runs.js';
import { schedules } from '../../support/rotation/schedule.js';
import { seedOf, type Seed } from '../../support/rotation/seeds.js';
import { requireSettled, requireSound } from '../../support/rotation/settling.js';
import { Tally } from '../../support/rotation/tally.js';
import { World } from '../../support/rotation/world.js';

let seed: Seed;

beforeAll(async () => {
  seed = await seedOf({ notes: 2, retired: true });
});

const OLD = targetAt('a');
const DISABLED = new KeyProviderError('MEK_DISABLED', 'off');
const MOST_QUESTIONS = 30;

/** Whether a call needs the version that is to be retired. */
function isOnOld({ subject, method, args }: Call): boolean {
  if (subject !== 'provider') return false;
  const named = method === 'wrapKey' ? args[1] : args[0];
  return (named as Partial<KeyWrap> | undefined)?.mekVersion === OLD.mekVersion;
}

/** What was displaced just now has to be older than that. */
async function prune(encryptor: FieldEncryptor): Promise<void> {
  await encryptor.clock.sleep(250);
  const rewrappedBefore = new Date(encryptor.clock.wallMs());
  const pruning = prunePreviousWraps(encryptor, { rewrappedBefore });
  while (!(await pruning.next()).done);
}

describe('a version that is disabled as soon as it may be retired', () => {
  it('is needed no more, with concurrent writers, rotations and prunings', async () => {
    const tally = new Tally();
    const property = fc.asyncProperty(schedules, async (schedule) => {
      const world = await World.over(seed, schedule);
      const { journal, memory } = world.watch;
      let isDisabled = false;
      world.faults = (call) => (isDisabled && isOnOld(call) ? { before: DISABLED } : undefined);

      const rotation = world.rewrap(world.process('rotation'), { target: targetAt('b') });
      for (const name of ['writer', 'slow writer']) {
        const process = world.process(name);
        world.act(name, async () => {
          for (const id of ['one', 'two']) {
            const write = () => world.write(process, `${name} ${id}`, 'text');
            // Who was about to wrap with it when it was disabled has to begin again.
            await write().catch((error: unknown) => {
              if (error !== DISABLED) throw error;
              return write();
            });
          }
        });
      }
      const operator = world.process('operator');
      world.act('operator', async () => {
        for (let asked = 0; asked < MOST_QUESTIONS && !isDisabled; asked += 1) {
          const question = assertRetirable(operator.encryptor, { mek: OLD, backupWindowMs: 0 });
          isDisabled = await question.then(() => true, isRefusal);
          if (!isDisabled) await prune(operator.encryptor).catch(isRefusal);
        }
        const { items } = await memory.list({ product: 'notelett' }, { pageSize: 1_000 });
        const wraps = items.flatMap(({ value }) => wrapsIn(value as LiveDekRow));
        if (isDisabled) expect(wraps).not.toContain('a');
      });
      await world.run();
      expect(endOf(rotation.driven)).toBe('complete');
      tally.add('it was disabled', isDisabled);
      tally.add('a row was pruned', journal.writes('replace', 'operator').length);
      tally.add('a DEK was made beside it', journal.writes('create').length);
      await requireSettled(world.watch);
      await requireSound(world.watch);
    });
    await forEachWay(['any'], () => property, 0.2);
    requireAllMet(tally);
  });
});

/** @returns False; what is no refusal fails the run. */
function isRefusal(error: unknown): boolean {
  const codes = ['MEK_STILL_NEEDED', 'ROTATION_UNFINISHED', 'ROTATION_SUPERSEDED'];
  if (isFieldEncryptionError(error) && codes.includes(error.code)) return false;
  throw error;
}

function wrapsIn({ state, previousWrap, ...row }: LiveDekRow): readonly string[] {
  if ((state as string) === 'shredded') return [];
  return [nameOf(row), ...(previousWrap ? [nameOf(previousWrap)] : [])];
}
