import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { encryptAny, KEY } from '../../support/encryptor.js';
import { AutoClock } from '../../support/rotation/auto-clock.js';
import { CRASHES, driveMortal, mortal, type CrashPoint } from '../../support/rotation/crashing.js';
import { targetAt } from '../../support/rotation/meks.js';
import { partOfRuns } from '../../support/rotation/runs.js';
import { seedOf, type Seed } from '../../support/rotation/seeds.js';
import { requireConvergence } from '../../support/rotation/settling.js';
import { Watch, type Process } from '../../support/rotation/watch.js';
import { perLane } from '../../support/lane.js';

let seed: Seed;

beforeAll(async () => {
  seed = await seedOf({ notes: 2, retired: true, tombstone: true });
});

const TO_B = { target: targetAt('b'), concurrency: 2 };

interface Crossing {
  /** The rotation happens before this call of the writer; beyond the last one, after it. */
  readonly at: number;
  readonly writer?: CrashPoint;
  readonly rotator?: CrashPoint;
}

interface Crossed {
  readonly watch: Watch;
  readonly isWritten: boolean;
  readonly calls: { readonly writer: number; readonly rotator: number };
}

/** A document gets its DEK while a rotation goes past, on one clock, and either may crash. */
async function cross({ at, writer: writerDies, rotator: rotatorDies }: Crossing): Promise<Crossed> {
  const watch = await Watch.over(seed);
  const clock = new AutoClock();
  const rotator = mortal(watch, 'rotator', { point: rotatorDies, clock });
  const rotate = async (): Promise<void> => {
    await driveMortal(watch, rotator, TO_B);
  };
  const beforeCall = (call: number): Promise<void> => (call === at ? rotate() : Promise.resolve());
  const writer = mortal(watch, 'writer', { point: writerDies, clock, beforeCall });
  const isWritten = await Promise.race([
    write(watch, writer.process),
    writer.death.then(() => false),
  ]);
  if (writer.calls.length < at) await rotate();
  await watch.check();
  const calls = { writer: writer.calls.length, rotator: rotator.calls.length };
  return { watch, isWritten, calls };
}

/** False where the process was cut off. */
async function write(watch: Watch, { encryptor }: Process): Promise<boolean> {
  const plain = { ...KEY, id: 'crossing', body: 'written while a rotation went past' };
  try {
    watch.documents.acknowledge(await encryptAny(encryptor, plain), plain);
    return true;
  } catch {
    return false;
  }
}

/** A process that did not finish tries again, as a fresh one. */
async function requireRecovery({ watch, isWritten }: Crossed): Promise<void> {
  const again = watch.process('writer again', { clock: new AutoClock() });
  if (!isWritten) expect(await write(watch, again)).toBe(true);
  await requireConvergence(watch, TO_B);
  const made = watch.journal.writes('create').map(({ row }) => row.id);
  expect(made.length).toBe(1);
  expect(watch.rowOf(made[0] ?? '')).toMatchObject({
    state: 'active',
    generation: 1,
    epoch: 2,
    mekVersion: TO_B.target.mekVersion,
  });
  expect(watch.journal.record).toMatchObject({ state: 'complete', epoch: 2 });
}

/** Which calls crash: in the fast lane a part. */
const EVERY = perLane(12, 1);

/** The writer's call that makes the row: the record and the scope are read, the DEK is wrapped. */
const CREATE = 4;

describe('a DEK that is made while a rotation goes past', () => {
  it('is where it belongs without a rerun, at any point of the rotation', async () => {
    const { calls } = await cross({ at: 1 });
    expect(calls.writer).toBeGreaterThan(3);
    for (let at = 1; at <= calls.writer + 1; at += 1) {
      const crossed = await cross({ at });
      expect(crossed.isWritten).toBe(true);
      const rows = [...crossed.watch.snapshot.rows.values()].map(({ row }) => row);
      const epochs = rows.filter(({ state }) => state !== 'shredded').map(({ epoch }) => epoch);
      expect(new Set(epochs)).toEqual(new Set([2]));
      await requireRecovery(crossed);
    }
  });

  it('is there once and opens, if its writer crashes at any call', async () => {
    const { calls } = await cross({ at: 1 });
    for (let at = 1; at <= calls.writer + 1; at += 1) {
      for (let call = 1 + (at % EVERY); call <= calls.writer; call += EVERY) {
        for (const crash of CRASHES) {
          await requireRecovery(await cross({ at, writer: { call, crash } }));
        }
      }
    }
  });

  it('is there once and opens, if the rotation crashes at any call', async () => {
    const { calls } = await cross({ at: CREATE });
    for (let call = 1; call <= calls.rotator; call += EVERY) {
      const crossed = await cross({ at: CREATE, rotator: { call, crash: 'after' } });
      expect(crossed.isWritten).toBe(true);
      await requireRecovery(crossed);
    }
  });

  it('is there once and opens, though both crash', async () => {
    const { calls } = await cross({ at: CREATE });
    const pointWithin = (most: number): fc.Arbitrary<CrashPoint> =>
      fc.record({
        call: fc.integer({ min: 1, max: most }),
        crash: fc.constantFrom(...CRASHES),
      });
    const crossings: fc.Arbitrary<Crossing> = fc.record({
      at: fc.integer({ min: 1, max: calls.writer + 1 }),
      writer: pointWithin(calls.writer),
      rotator: pointWithin(calls.rotator),
    });
    await fc.assert(
      fc.asyncProperty(crossings, async (crossing) => {
        await requireRecovery(await cross(crossing));
      }),
      partOfRuns(0.5),
    );
  });
});
