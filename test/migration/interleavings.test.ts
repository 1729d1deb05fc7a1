import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  backfillDocuments,
  countPlaintext,
  findMissingDeks,
  isFieldEncryptionError,
  reencryptDocuments,
  type DekRow,
} from '../../src/index.js';
import { MemoryDocumentStore } from '../../src/testing/index.js';
import { decryptAny, KEY, note, type Loose } from '../support/encryptor.js';
import { migrate, type Migration } from '../support/migrations.js';
import { AutoClock } from '../support/rotation/auto-clock.js';
import { inTurns } from '../support/rotation/document-turns.js';
import { ALL_MEKS, targetAt } from '../support/rotation/meks.js';
import { partOfRuns } from '../support/rotation/runs.js';
import { schedules, type Schedule } from '../support/rotation/schedule.js';
import { seedOf, type Seed } from '../support/rotation/seeds.js';
import { Tally } from '../support/rotation/tally.js';
import { readerOver, type Process } from '../support/rotation/watch.js';
import { World } from '../support/rotation/world.js';

const IDS = ['note-0', 'note-1', 'note-2'];
const WRITERS = { 'writer of titles': 'title', 'writer of bodies': 'body' } as const;

let seed: Seed;

beforeAll(async () => {
  seed = await seedOf({ notes: IDS.length });
});

type Start = (process: Process, documents: MemoryDocumentStore<Loose>) => Migration;

/** What a run is checked against: each writer has a field of its own, so that its last write counts. */
interface Race {
  readonly world: World;
  readonly documents: MemoryDocumentStore<Loose>;
  readonly expected: Map<string, Loose>;
  /** Times that a writer had to look at a document again. */
  retries: number;
}

async function raceOver(schedule: Schedule, stored: readonly Loose[]): Promise<Race> {
  // Documents change here, and what they were before need not open any more.
  const world = await World.over({ ...seed, documents: [] }, schedule);
  world.clock.advance(1_000);
  const documents = new MemoryDocumentStore<Loose>({ key: note.key });
  for (const document of stored) await documents.create(document);
  const plain = seed.documents.map((each) => [String(each.plain['id']), each.plain] as const);
  return { world, documents, expected: new Map(plain), retries: 0 };
}

function write(race: Race, name: keyof typeof WRITERS): void {
  const { world, documents, expected } = race;
  const { encryptor } = world.process(name);
  const store = inTurns(world, name, documents) as never;
  world.act(name, async () => {
    for (const [nth, id] of [...IDS, ...IDS].entries()) {
      const change = { [WRITERS[name]]: `${name} ${String(nth)}` };
      let looks = 0;
      await encryptor.updateDocument(note, store, { ...KEY, id }, (stored) => {
        looks += 1;
        return stored && { ...stored, ...change };
      });
      race.retries += looks - 1;
      expected.set(id, { ...expected.get(id), ...change });
      await world.pause(name, 'next document');
    }
  });
}

/** Whatever it finds it can open, unless the document was rewritten since. */
function read({ world, documents }: Race): void {
  const { encryptor } = world.process('reader');
  const store = inTurns(world, 'reader', documents);
  world.act('reader', async () => {
    for (const id of [...IDS, ...IDS]) {
      const item = await store.get({ ...KEY, id });
      try {
        await decryptAny(encryptor, item?.document);
      } catch (error) {
        const code = isFieldEncryptionError(error) ? error.code : undefined;
        if (code !== 'PLAINTEXT_REFUSED' && code !== 'DEK_SHREDDED') throw error;
        if (code === 'DEK_SHREDDED') {
          expect((await documents.get({ ...KEY, id }))?.etag).not.toBe(item?.etag);
        }
      }
    }
  });
}

interface Driven {
  complete: boolean;
}

/** A migration that is driven to its end, or left at an event as by a crash. */
function drive({ world, documents }: Race, start: Start, leaveAfter: number): Driven {
  const driven = { complete: false };
  const process = world.process('migrator');
  const migration = start(process, inTurns(world, 'migrator', documents) as never);
  world.act('migrator', async () => {
    for (let pulled = 0; pulled < leaveAfter; pulled += 1) {
      const { done, value } = await migration.next();
      if (done) {
        driven.complete = value.complete;
        return;
      }
      await world.pause('migrator', 'pull');
    }
  });
  return driven;
}

async function requireSound({ world, documents, expected }: Race): Promise<readonly DekRow[]> {
  const { memory } = world.watch;
  const reader = readerOver(memory, ALL_MEKS);
  for (const [id, plain] of expected) {
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

/** Later and by another process, which finds the lease of a dead one or nothing to do. */
async function runAgain({ world, documents }: Race, start: Start): Promise<Loose> {
  const clock = new AutoClock();
  clock.advance(86_400_000);
  const { summary } = await migrate(
    start(world.watch.process('again', { clock }), documents),
    clock,
  );
  return { ...summary };
}

function raced(
  stored: () => readonly Loose[],
  start: Start,
  check: (rows: readonly DekRow[]) => void,
  tally: Tally,
): fc.IAsyncProperty<unknown> {
  const leaving = fc.option(fc.integer({ min: 1, max: 25 }), { nil: Infinity });
  return fc.asyncProperty(leaving, schedules, async (leaveAfter, schedule) => {
    const race = await raceOver(schedule, stored());
    const driven = drive(race, start, leaveAfter);
    write(race, 'writer of titles');
    write(race, 'writer of bodies');
    read(race);
    race.world.rewrap(race.world.process('rewrapper'), { target: targetAt('b') });
    await race.world.run();
    tally.add('a migration that came to its end', driven.complete);
    tally.add('a migration that was left', leaveAfter !== Infinity && !driven.complete);
    tally.add('a write that lost a race', race.retries);
    const after = await runAgain(race, start);
    expect(after).toMatchObject({ complete: true, failed: 0 });
    // A whole run leaves nothing to do.
    if (driven.complete) expect(after).toMatchObject({ rewritten: 0, retired: 0 });
    check(await requireSound(race));
    expect(await runAgain(race, start)).toMatchObject({ complete: true, rewritten: 0, retired: 0 });
  });
}

describe('beside two writers, a reader and a rewrap, in any order and left at any event', () => {
  it('a backfill loses no write, seals nothing twice and leaves nothing behind', async () => {
    const tally = new Tally();
    const start: Start = ({ encryptor }, documents) =>
      backfillDocuments(encryptor, note, documents);
    const stored = (): readonly Loose[] =>
      seed.documents.map((each, nth) =>
        nth === 2
          ? each.stored
          : nth === 1
            ? { ...each.stored, body: each.plain['body'] }
            : each.plain,
      );
    await fc.assert(
      raced(stored, start, () => undefined, tally),
      partOfRuns(0.8),
    );
    tally.requireAll();
  });

  it.each([false, true])(
    'a re-encryption loses no write and leaves no old DEK in use, shred: %s',
    async (shred) => {
      const tally = new Tally();
      const createdBefore = new Date(new AutoClock().wallMs() + 500);
      const start: Start = ({ encryptor }, documents) =>
        reencryptDocuments(encryptor, note, documents, { createdBefore, shred });
      const stored = (): readonly Loose[] => seed.documents.map((each) => each.stored);
      const check = (rows: readonly DekRow[]): void => {
        const old = rows.filter(({ createdAt }) => createdAt < createdBefore.toISOString());
        expect(new Set(old.map(({ state }) => state))).toEqual(
          new Set([shred ? 'shredded' : 'retired']),
        );
      };
      await fc.assert(raced(stored, start, check, tally), partOfRuns(0.6));
      tally.requireAll();
    },
  );
});
