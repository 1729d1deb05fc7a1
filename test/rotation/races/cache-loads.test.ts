import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { LiveDekRow } from '../../../src/adapters.js';
import { DekCache } from '../../../src/index.js';
import { decryptAny, envelopeAt, KEY, note, type Loose } from '../../support/encryptor.js';
import { describeError } from '../../support/failure.js';
import { endOf } from '../../support/rotation/drive.js';
import type { Execution } from '../../support/rotation/journal.js';
import { targetAt } from '../../support/rotation/meks.js';
import { forEachWay, requireAllMet } from '../../support/rotation/runs.js';
import { seedOf, type Seed, type SeedDocument } from '../../support/rotation/seeds.js';
import { requireSettled, requireSound } from '../../support/rotation/settling.js';
import { Tally } from '../../support/rotation/tally.js';
import type { Process } from '../../support/rotation/watch.js';
import { schedules } from '../../support/rotation/schedule.js';
import { World } from '../../support/rotation/world.js';

let seed: Seed;
let document: SeedDocument;
let dekId: string;

beforeAll(async () => {
  seed = await seedOf({ notes: 2 });
  document = seed.documents[0] as SeedDocument;
  dekId = envelopeAt(document.stored, 'body').dekId;
});

/** How opening the document goes: its plaintext, or a code. */
async function open({ encryptor }: Process): Promise<Loose | string> {
  try {
    return await decryptAny(encryptor, document.stored);
  } catch (error) {
    return describeError(error).code ?? '';
  }
}

/** One process: readers, and a rewrap that tells their cache of each new wrap. */
function processWithCache(world: World, ttlMs: number): Record<'reader' | 'rewrapper', Process> {
  const dekCache = new DekCache({ clock: world.clock, maxEntries: 64, ttlMs });
  return {
    reader: world.process('reader', { dekCache }),
    rewrapper: world.process('rewrapper', { dekCache }),
  };
}

/** Unwraps of the document's DEK by readers. */
function unwraps({ watch }: World): readonly Execution[] {
  const wraps = new Set<unknown>([wrapIn(watch.rowOf(dekId))]);
  for (const { row } of watch.journal.writes('replace')) {
    if (row.id === dekId) wraps.add(wrapIn(row));
  }
  for (const { row } of seed.snapshot.rows.values()) if (row.id === dekId) wraps.add(wrapIn(row));
  return watch.journal.executions.filter(
    ({ process, method, args }) =>
      process === 'reader' && method === 'unwrapKey' && wraps.has(wrapIn(args[0])),
  );
}

function wrapIn(row: unknown): unknown {
  return (row as Partial<LiveDekRow>).wrappedDek;
}

describe('a cache load that finishes late', () => {
  it('is shared by all waiting callers, and a rewrap in between costs one more at most', async () => {
    const tally = new Tally();
    const property = (isLate: boolean): fc.IAsyncProperty<unknown> =>
      fc.asyncProperty(schedules, async (schedule) => {
        const world = await World.over(seed, schedule);
        const { reader, rewrapper } = processWithCache(world, 300_000);
        if (isLate) {
          const unwrap = { process: 'reader', what: 'provider.unwrapKey' } as const;
          const load = world.holdCall({ ...unwrap, phase: 'answered' }, () => job.isOver);
          world.holdStart('rewrapper', () => load.reached);
        }
        for (const name of ['one', 'two', 'three']) {
          world.act(name, async () => {
            for (let time = 0; time < 2; time += 1) {
              expect(await open(reader)).toEqual(document.plain);
              await world.pause(name, 'read again');
            }
          });
        }
        const job = world.rewrap(rewrapper, { target: targetAt('b') });
        await world.run();
        expect(endOf(job.driven)).toBe('complete');
        const loads = unwraps(world).length;
        expect(loads).toBeGreaterThan(0);
        expect(loads).toBeLessThanOrEqual(2);
        tally.add('one load for all', loads === 1);
        tally.add('one more after the rewrap', loads === 2);
        await requireSettled(world.watch);
        await requireSound(world.watch);
      });
    await forEachWay([true, false], property, 0.1);
    requireAllMet(tally);
  });

  it('does not bring back a DEK that was shredded meanwhile', async () => {
    const tally = new Tally();
    const property = (isLate: boolean): fc.IAsyncProperty<unknown> =>
      fc.asyncProperty(schedules, async (schedule) => {
        const world = await World.over(seed, schedule);
        const { reader, rewrapper } = processWithCache(world, 300_000);
        let isShredded = false;
        if (isLate) {
          for (const nth of [1, 2]) {
            const unwrap = { process: 'reader', what: 'provider.unwrapKey', nth } as const;
            const load = world.holdCall({ ...unwrap, phase: 'answered' }, () => isShredded);
            if (nth === 1) world.holdStart('shredder', () => load.reached);
          }
        }
        for (const name of ['one', 'two', 'three']) {
          world.act(name, async () => {
            const wasShredded = isShredded;
            const opened = await open(reader);
            if (wasShredded || opened === 'DEK_SHREDDED') expect(opened).toBe('DEK_SHREDDED');
            else expect(opened).toEqual(document.plain);
            tally.add('a load came back after the shred', isShredded && !wasShredded);
          });
        }
        world.act('shredder', async () => {
          world.watch.documents.beginShred(dekId.slice(0, 32));
          await reader.encryptor.shred(note, { ...KEY, id: 'note-0' });
          isShredded = true;
        });
        const job = world.rewrap(rewrapper, { target: targetAt('b') });
        world.holdCall({ process: 'afterwards', what: 'start' }, () => false);
        world.act('afterwards', async () => {
          expect(await open(reader)).toBe('DEK_SHREDDED');
        });
        await world.run();
        expect(endOf(job.driven)).toBe('complete');
        await requireSettled(world.watch);
        await requireSound(world.watch);
      });
    await forEachWay([true, false], property, 0.1);
    requireAllMet(tally);
  });
});

const TTL_MS = 1_000;

interface Loads {
  /** When each unwrap was sent. */
  readonly sentMs: readonly number[];
  readonly underWay: number;
  readonly mostAtOnce: number;
}

/** What readers unwrap. */
function loadsOf(world: World): Loads {
  const loads = { sentMs: [] as number[], underWay: 0, mostAtOnce: 0 };
  world.onSent = ({ process, method }) => {
    if (process !== 'reader' || method !== 'unwrapKey') return () => undefined;
    loads.sentMs.push(world.clock.monotonicMs());
    loads.underWay += 1;
    loads.mostAtOnce = Math.max(loads.mostAtOnce, loads.underWay);
    return () => {
      loads.underWay -= 1;
    };
  };
  return loads;
}

/** Since the last load. */
function ageMs({ clock }: World, { sentMs }: Loads): number {
  return clock.monotonicMs() - (sentMs.at(-1) ?? 0);
}

/** Each load takes longer than half of its DEK's time. */
function answerLate(world: World, loads: Loads): void {
  const unwrap = { process: 'reader', what: 'provider.unwrapKey', nth: 'any' } as const;
  const isLate = (): boolean => ageMs(world, loads) >= 0.6 * TTL_MS;
  world.holdCall({ ...unwrap, phase: 'answered' }, isLate);
}

/** All rows are rewrapped, in no time, when the DEK has spent a part of its own. */
function rewrapAged(world: World, loads: Loads, rewrapper: Process): void {
  const isAged = (): boolean => loads.sentMs.length > 0 && ageMs(world, loads) >= 0.25 * TTL_MS;
  const write = { process: 'rewrapper', what: 'store.replace', nth: 'any' } as const;
  const writing = world.holdCall(write, isAged);
  for (const reader of ['one', 'two']) world.holdStart(reader, () => writing.reached);
  const tick = { process: 'clock', what: 'tick', nth: 'any' } as const;
  world.holdCall(tick, () => !writing.reached || !isAged() || job.isOver);
  const job = world.rewrap(rewrapper, { target: targetAt('b') });
}

/** Opens the document four times in its DEK's time. */
const STEADY_NAPS = Array.from({ length: 16 }, () => TTL_MS / 4);

describe('a cached DEK', () => {
  it('is used for its time from when its unwrap was sent, however late the answer, rewrapped or not', async () => {
    const tally = new Tally();
    const naps = fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 3, maxLength: 6 });
    const property = (beside: 'a rewrap' | 'late answers'): fc.IAsyncProperty<unknown> =>
      fc.asyncProperty(schedules, naps, async (schedule, sleepsMs) => {
        const world = await World.over(seed, schedule);
        const { reader, rewrapper } = processWithCache(world, TTL_MS);
        const loads = loadsOf(world);
        for (const [name, napsMs] of Object.entries({ one: sleepsMs, two: STEADY_NAPS })) {
          world.act(name, async () => {
            for (const napMs of napsMs) {
              const dueMs = world.clock.monotonicMs() - TTL_MS;
              const isJoining = loads.underWay > 0;
              expect(await open(reader)).toEqual(document.plain);
              if (!isJoining) expect(Math.max(...loads.sentMs)).toBeGreaterThan(dueMs);
              await world.clock.sleep(napMs);
            }
          });
        }
        if (beside === 'a rewrap') rewrapAged(world, loads, rewrapper);
        else answerLate(world, loads);
        world.act('time', () => world.clock.sleep(6 * TTL_MS));
        await world.run();
        if (beside === 'late answers') expect(loads.mostAtOnce).toBe(1);
        tally.add('it was loaded again', loads.sentMs.length - 1);
        tally.add('it was not loaded each time', loads.sentMs.length < STEADY_NAPS.length);
        await requireSound(world.watch);
      });
    await forEachWay(['a rewrap', 'late answers'] as const, property, 0.1);
    requireAllMet(tally);
  });
});
