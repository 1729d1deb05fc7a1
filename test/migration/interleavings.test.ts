import fc from 'fast-check';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { DekRow } from '../../src/adapters.js';
import {
  backfillDocuments,
  countPlaintext,
  findMissingDeks,
  reencryptDocuments,
} from '../../src/index.js';
import { decryptAny, KEY, note, type Loose } from '../support/encryptor.js';
import { requireAllRows } from '../support/migration-ledger.js';
import { IDS, OLD_PROCESS, Race } from '../support/migration-race.js';
import { codeOf, type Ending, type Run, type Start } from '../support/migration-run.js';
import { migrate } from '../support/migrations.js';
import { AutoClock } from '../support/rotation/auto-clock.js';
import { ALL_MEKS, targetAt } from '../support/rotation/meks.js';
import { forEachWay, requireAllMet } from '../support/rotation/runs.js';
import { schedules } from '../support/rotation/schedule.js';
import { seedOf, type Seed } from '../support/rotation/seeds.js';
import { Tally } from '../support/rotation/tally.js';
import { readerOver } from '../support/rotation/watch.js';

// Hundreds of races: on a busy machine a minute is short.
vi.setConfig({ testTimeout: 600_000 });

let seed: Seed;

beforeAll(async () => {
  seed = await seedOf({ notes: IDS.length });
});

/** How the migration ends, and whether another one is started in the race: after it, or beside it. */
interface Way {
  readonly ends: Ending['as'] | 'whole';
  readonly then?: 'rival' | 'successor';
  /** Writers that know only the DEKs from before, and take long. */
  readonly hasSlowWriters?: boolean;
}

const WRITERS = ['writer of titles', 'writer of bodies'];

const WAYS: readonly Way[] = [
  { ends: 'whole' },
  { ends: 'whole', hasSlowWriters: true },
  { ends: 'left' },
  { ends: 'dead' },
  { ends: 'left', then: 'successor' },
  { ends: 'dead', then: 'successor' },
  { ends: 'cut-off', then: 'successor' },
  { ends: 'stuck', then: 'successor' },
  { ends: 'whole', then: 'rival' },
];

/** What of a race is not left to the scheduler. */
interface Chances {
  /** Of events, calls or writes that there can be, as a share. */
  readonly stopsAt: number;
  /** What another writes before the write of one that was cut off or stuck arrives; `Infinity`: all. */
  readonly otherWrites: number;
  /** Slow writers go on once the migration is over, and not as soon as it has passed over all. */
  readonly isOver: boolean;
  readonly besideOldProcess: boolean;
  readonly movesMoment: boolean;
}

const chances: fc.Arbitrary<Chances> = fc.record({
  stopsAt: fc.nat({ max: 99 }),
  otherWrites: fc.constantFrom(0, 1, 2, 5, 10, Infinity),
  isOver: fc.boolean(),
  besideOldProcess: fc.boolean(),
  movesMoment: fc.boolean(),
});

/** What is raced, made anew for each race. */
interface Subject {
  readonly stored: readonly Loose[];
  readonly start: Start;
  /** How a second run in the race is started. */
  readonly startNext: (race: Race) => Start;
  /** About as much as it does without other processes. */
  readonly does: Readonly<Record<Ending['as'], number>>;
  readonly reader: 'migrate' | 'strict';
  readonly besideOldProcess: boolean;
  readonly check: (rows: readonly DekRow[]) => void;
}

/** Later and by another process, which finds the lease of a dead one or nothing to do. */
async function runAgain({ world, documents }: Race, start: Start): Promise<Loose> {
  const clock = new AutoClock();
  clock.advance(86_400_000);
  const { encryptor } = world.watch.process('again', { clock });
  const { summary } = await migrate(start(encryptor, documents, {}), clock);
  return { ...summary };
}

async function requireSound({ world, documents, ledger }: Race): Promise<readonly DekRow[]> {
  const { memory } = world.watch;
  await requireAllRows(documents, memory);
  const reader = readerOver(memory, ALL_MEKS);
  for (const [id, plain] of ledger.acknowledged) {
    const item = await documents.get({ ...KEY, id });
    expect(await decryptAny(reader, item?.document)).toEqual(plain);
  }
  expect(await countPlaintext(note, documents)).toMatchObject({ fields: 0 });
  for await (const event of findMissingDeks(reader, note, documents)) {
    expect(event).toMatchObject({ type: 'finished', summary: { missing: 0, failed: 0 } });
  }
  const { items } = await memory.list({ product: 'notelett' }, { pageSize: 100 });
  const rows = items.map(({ value }) => value as DekRow);
  const active = rows.filter(({ state }) => state === 'active');
  expect(new Set(active.map(({ scopeId }) => scopeId)).size).toBe(active.length);
  return rows;
}

/** Before anything is run again. @returns Those that were complete. */
function requireEnds({ ends, then }: Way, runs: readonly Run[]): readonly Run[] {
  const complete = runs.filter(({ summary }) => summary?.complete && summary.failed === 0);
  const contested = then === 'rival' ? runs : ends === 'stuck' ? runs.slice(0, 1) : [];
  for (const run of runs) {
    if (contested.includes(run) && REFUSALS.includes(codeOf(run.error) ?? '')) continue;
    if (run.error !== undefined) throw run.error as Error;
    if (!contested.includes(run)) expect(run.failures).toEqual([]);
  }
  if (then === 'rival') expect(complete).not.toEqual([]);
  else if (ends === 'whole' || then) {
    expect(runs.at(-1)?.summary).toMatchObject({ complete: true, failed: 0 });
  }
  return complete;
}

const REFUSALS = ['MIGRATION_SUPERSEDED', 'MIGRATION_UNDER_WAY'];

function endingOf(as: Ending['as'], { does }: Subject, { stopsAt }: Chances): Ending {
  return { as, after: 1 + Math.floor((stopsAt * does[as]) / 100) };
}

/** @returns How the last migration was started. */
function enter(
  race: Race,
  { ends, then, hasSlowWriters }: Way,
  subject: Subject,
  chosen: Chances,
): Start {
  const { world } = race;
  const ending = ends === 'whole' ? undefined : endingOf(ends, subject, chosen);
  const hasStopped = (): boolean => race.runs[0]?.isOver ?? false;
  const isLate = ends === 'cut-off' || ends === 'stuck';
  // Or there might be nothing left to write, and so nothing that could come late.
  for (const name of isLate ? [...WRITERS, OLD_PROCESS] : []) world.holdStart(name, hasStopped);
  if (hasSlowWriters) world.holdStart(OLD_PROCESS, hasStopped);
  if (hasSlowWriters) race.slowWriters(WRITERS, () => race.runs[0], chosen.isOver);
  if (then === 'successor') world.holdStart(then, hasStopped);
  const first = race.migrate('migrator', subject.start, { ending });
  race.write('writer of titles', 'title');
  race.write('writer of bodies', 'body');
  race.read(subject.reader);
  world.rewrap(world.process('rewrapper'), { target: targetAt('b') });
  if (subject.besideOldProcess) race.writePlain(OLD_PROCESS);
  if (!then) return subject.start;
  const next = then === 'successor' ? subject.startNext(race) : subject.start;
  const second = race.migrate(then, next, { insists: then === 'successor' });
  if (isLate) race.holdLate(first, second, chosen.otherWrites);
  return next;
}

function raced(
  way: Way,
  subjectOf: (chances: Chances) => Subject,
  tally: Tally,
): fc.IAsyncProperty<unknown> {
  return fc.asyncProperty(chances, schedules, async (chosen, schedule) => {
    const subject = subjectOf(chosen);
    const race = await Race.over(seed, schedule, subject.stored);
    const last = enter(race, way, subject, chosen);
    await race.run();
    const complete = requireEnds(way, race.runs);
    count(tally, way, race, subject.besideOldProcess);
    const after = await runAgain(race, last);
    expect(after).toMatchObject({ complete: true, failed: 0 });
    // A whole run leaves nothing to do, but for plaintext and rows that came after its scans.
    if (complete.some(({ plainSinceScan }) => plainSinceScan === 0)) {
      const late = race.runs.reduce((sum, { lateCreates }) => sum + lateCreates, 0);
      expect(Number(after['changed'])).toBeLessThanOrEqual(late);
      expect(Number(after['retired'])).toBeLessThanOrEqual(late);
    }
    subject.check(await requireSound(race));
    expect(await runAgain(race, last)).toMatchObject({ complete: true, changed: 0, retired: 0 });
  });
}

function count(tally: Tally, { ends }: Way, race: Race, hasOld: boolean): void {
  const [first] = race.runs;
  const sum = (property: 'lostReplaces' | 'pages'): number =>
    race.runs.reduce((total, run) => total + run[property], 0);
  tally.add('a replace of the migration that lost a race', sum('lostReplaces'));
  tally.add('a write that lost a race', race.retries);
  tally.add('a scan of several pages', sum('pages'));
  tally.add('a lease that was taken over', race.takeovers);
  if (ends !== 'whole') tally.add(`a migration that was ${ends}`, first?.summary === undefined);
  if (ends === 'cut-off' || ends === 'stuck') {
    tally.add(`a late write of one that was ${ends}`, first?.lateWrites ?? 0);
  }
  if (ends === 'stuck') {
    const isSuperseded = codeOf(first?.error) === 'MIGRATION_SUPERSEDED';
    tally.add('a migration that was superseded', isSuperseded);
  }
  if (hasOld) {
    const isBehind = race.runs.every(({ plainSinceScan }) => plainSinceScan > 0);
    tally.add('plaintext that no scan came to see', isBehind);
  }
}

describe('beside two writers, a reader and a rewrap, in any order and left at any event', () => {
  it('a backfill loses no write, seals nothing twice and leaves nothing behind', async () => {
    const tally = new Tally();
    const start: Start = (encryption, documents, options) =>
      backfillDocuments(encryption, note, documents, { allowEmpty: true, ...options });
    const stored = seed.documents.map((each, nth) =>
      nth === 3
        ? each.stored
        : nth === 2
          ? { ...each.stored, body: each.plain['body'] }
          : each.plain,
    );
    const subject = {
      stored,
      start,
      startNext: () => start,
      does: { left: 14, dead: 40, 'cut-off': 2, stuck: 2 },
      reader: 'migrate' as const,
      check: () => undefined,
    };
    await forEachWay(
      WAYS,
      (way) => raced(way, ({ besideOldProcess }) => ({ ...subject, besideOldProcess }), tally),
      0.11,
    );
    requireAllMet(tally);
  });

  it.each([false, true])(
    'a re-encryption loses no write and leaves no old DEK in use, shred: %s',
    async (shred) => {
      const tally = new Tally();
      const startAt =
        (createdBefore: Date): Start =>
        (encryption, documents, options) =>
          reencryptDocuments(encryption, note, documents, {
            allowEmpty: true,
            ...options,
            createdBefore,
            shred,
          });
      const stored = seed.documents.map((each) => each.stored);
      const subjectOf = ({ movesMoment }: Chances): Subject => {
        let createdBefore = new Date(new AutoClock().wallMs() + 500);
        let isMoved = !movesMoment;
        const startNext =
          ({ world }: Race): Start =>
          (...args) => {
            if (!isMoved) createdBefore = new Date(world.clock.wallMs());
            isMoved = true;
            return startAt(createdBefore)(...args);
          };
        return {
          stored,
          start: (...args) => startAt(createdBefore)(...args),
          startNext,
          does: { left: 25, dead: 120, 'cut-off': 6, stuck: 6 },
          reader: 'strict',
          besideOldProcess: false,
          check: (rows) => {
            const old = rows.filter(({ createdAt }) => createdAt < createdBefore.toISOString());
            expect(new Set(old.map(({ state }) => state))).toEqual(
              new Set([shred ? 'shredded' : 'retired']),
            );
          },
        };
      };
      await forEachWay(WAYS, (way) => raced(way, subjectOf, tally), 0.11);
      requireAllMet(tally);
    },
  );
});
