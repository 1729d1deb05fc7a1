import { describe, expect, it } from 'vitest';
import {
  backfillDocuments,
  countPlaintext,
  findMissingDeks,
  reencryptDocuments,
  removeEncryption,
  type MigrationEvent,
} from '../../src/index.js';
import { ManualClock } from '../../src/testing/index.js';
import {
  decryptAny,
  encryptAny,
  KEY,
  note,
  setup,
  type Loose,
  type Setup,
} from '../support/encryptor.js';
import { CRASHES, MortalProcess, type CrashPoint } from '../support/migration-crash.js';
import { notes, put, stored, type Migration, type Notes } from '../support/migrations.js';
import { rows } from '../support/rotations.js';
import { perLane } from '../support/lane.js';

const PLAIN: readonly Loose[] = [
  { ...KEY, id: 'plain', body: 'a', tags: ['x', 'y'] },
  { ...KEY, id: 'partly', body: 'b', title: 'sealed' },
  { ...KEY, id: 'sealed', body: 'c', tags: ['z'] },
];

/** One document that is plain, one that is partly sealed, and one that is sealed. */
async function world(): Promise<readonly [Setup, Notes]> {
  const [made, collection] = [setup({ clock: new ManualClock() }), notes()];
  for (const document of PLAIN) {
    const { encryptor } = made;
    const sealed = await encryptAny(encryptor, document);
    if (document['id'] === 'plain') await put(collection, document);
    if (document['id'] === 'partly') await put(collection, { ...sealed, body: 'b' });
    if (document['id'] === 'sealed') await put(collection, sealed);
  }
  return [made, collection];
}

/** Which calls crash: in the fast lane a part, another for each kind of crash. */
const EVERY = perLane(24, 1);

type Start = (process: MortalProcess) => Migration;

/** Every call of the process as the one that it dies at; stops where it outlives them all. */
async function crashEverywhere(
  start: Start,
  check: (made: Setup, collection: Notes, last: MigrationEvent | undefined) => Promise<void>,
): Promise<number> {
  let deaths = 0;
  for (const [nth, crash] of CRASHES.entries()) {
    for (let call = 1 + (nth % EVERY); ; call += EVERY) {
      const point: CrashPoint = { call, crash };
      const [made, collection] = await world();
      const mortal = new MortalProcess(made, collection.memory, point);
      if (await mortal.run(start(mortal))) break;
      deaths += 1;
      await requireReadable(made, collection);
      const next = new MortalProcess(made, collection.memory);
      const events = await next.run(start(next));
      await requireReadable(made, collection);
      await check(made, collection, events?.at(-1));
      const again = new MortalProcess(made, collection.memory);
      const repeated = await again.run(start(again));
      expect(repeated?.at(-1)).toMatchObject({ summary: { complete: true, changed: 0 } });
    }
  }
  return deaths;
}

/** I1: at any point, every document can be read as it was written. */
async function requireReadable(made: Setup, collection: Notes): Promise<void> {
  const reader = setup({ beside: made, mode: 'migrate' });
  for (const document of PLAIN) {
    const found = await stored(collection, String(document['id']));
    expect(await decryptAny(reader.encryptor, found)).toEqual(document);
  }
}

async function requireDeks(made: Setup, collection: Notes): Promise<void> {
  for await (const event of findMissingDeks(made.encryptor, note, collection.memory)) {
    expect(event).toMatchObject({ type: 'finished', summary: { missing: 0, failed: 0 } });
  }
  const active = (await rows(made)).filter(({ state }) => state === 'active');
  expect(new Set(active.map(({ scopeId }) => scopeId)).size).toBe(active.length);
}

describe('a crash at any call', () => {
  it('of a backfill leaves every document readable, and the next run completes it', async () => {
    const start: Start = ({ made, store }) =>
      backfillDocuments(made.encryptor, note, store, { allowEmpty: true });
    const deaths = await crashEverywhere(start, async (made, collection, last) => {
      expect(last).toMatchObject({ summary: { complete: true, failed: 0 } });
      expect(await countPlaintext(note, collection.memory)).toMatchObject({
        fields: 0,
        scanned: 3,
      });
      await requireDeks(made, collection);
    });
    expect(deaths).toBeGreaterThan(25 / EVERY);
  });

  it.each([false, true])(
    'of a re-encryption leaves every document readable, and the next run completes it, shred: %s',
    async (shred) => {
      // After the rows that are there, and before what any process makes.
      const createdBefore = new Date(new ManualClock().wallMs() + 500);
      const start: Start = ({ made, store }) =>
        reencryptDocuments(made.encryptor, note, store, { allowEmpty: true, createdBefore, shred });
      const deaths = await crashEverywhere(start, async (made, collection, last) => {
        expect(last).toMatchObject({ summary: { complete: true, failed: 0 } });
        await requireDeks(made, collection);
        const old = (await rows(made)).filter(
          ({ createdAt }) => createdAt < createdBefore.toISOString(),
        );
        expect(new Set(old.map(({ state }) => state))).toEqual(
          new Set([shred ? 'shredded' : 'retired']),
        );
      });
      expect(deaths).toBeGreaterThan(60 / EVERY);
    },
  );

  it('of a removal leaves every document readable, and the next run completes it', async () => {
    const start: Start = ({ made, store }) => {
      const { product, dekStore, keyProviders, clock } = made.encryptor;
      const off = { product, dekStore, keyProviders, clock, enabled: false };
      return removeEncryption(off, note, store, { allowEmpty: true });
    };
    const deaths = await crashEverywhere(start, async (_made, collection, last) => {
      expect(last).toMatchObject({ summary: { complete: true, failed: 0 } });
      expect(await stored(collection, 'sealed')).toEqual(PLAIN[2]);
    });
    expect(deaths).toBeGreaterThan(15 / EVERY);
  });
});
