/** Needs the built package: its child processes import it by name. */
import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { DekRow } from '../../src/adapters.js';
import { countPlaintext, findMissingDeks } from '../../src/index.js';
import {
  finishMigration,
  killMigration,
  type KillPoint,
  type MigrationInput,
} from './killed-migration-process.js';
import { note, UNEDITED, World } from './killed-migration-world.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { perLane } from '../support/lane.js';

const KILLS = perLane(1, 15);
const LEAST_MIDWAY = KILLS * 0.8;
const SIDE_BY_SIDE = perLane(1, 5);
/** This number of further documents may be done when a child is killed. */
const CONCURRENCY = 3;
/** Most of it is waiting for leases and fences. */
const TIMEOUT_MS = 1_200_000;

interface Kill {
  /** Some documents were done then, and some were not. */
  readonly midway: boolean;
}

async function many(run: (index: number) => Promise<Kill>): Promise<number> {
  let midway = 0;
  for (let first = 0; first < KILLS; first += SIDE_BY_SIDE) {
    const runs = Array.from({ length: SIDE_BY_SIDE }, (_each, index) => run(first + index));
    midway += (await Promise.all(runs)).filter((kill) => kill.midway).length;
  }
  return midway;
}

/** What is to be killed, and where. */
interface Killing {
  readonly input: MigrationInput;
  readonly point: KillPoint;
  /** The remaining steps out of all. */
  readonly left: () => Promise<number>;
  readonly of: number;
}

/** Kills it on the way, beside a live writer, and lets another process finish. */
async function killAndFinish(world: World, { input, point, left, of }: Killing): Promise<Kill> {
  const writing = world.write();
  const killed = await killMigration(input, point);
  const leftThen = await left();
  const summary = await finishMigration(input);
  world.stopWriting();
  await writing;
  expect(summary).toMatchObject({ failed: 0 });
  expect(await finishMigration(input)).toMatchObject({ complete: true, changed: 0, shredded: 0 });
  expect(await world.misread()).toEqual([]);
  for await (const event of findMissingDeks(world.encryptor('strict'), note, world.notes)) {
    expect(event).toMatchObject({ type: 'finished', summary: { missing: 0, failed: 0 } });
  }
  return { midway: killed && leftThen > 0 && leftThen < of };
}

async function rowsOf({ dekStore }: World): Promise<readonly DekRow[]> {
  const { items } = await dekStore.list({ product: 'notelett' }, { pageSize: 1_000 });
  return items.map(({ value }) => value as DekRow);
}

/** Each document is left by its old DEK, which is retired; then, perhaps, each of those is shredded. */
function stepsLeft(rows: readonly DekRow[], shred: boolean): number {
  const active = rows.filter(({ state }) => state === 'active').length;
  const live = rows.filter(({ state }) => state !== 'shredded').length;
  return shred ? active + live : active;
}

/** Spread over the first scan, the wait, and with `shred` the last scan. */
function reencryptionPoint(index: number, size: number, shred: boolean): KillPoint {
  if (index % 10 > 7) return { type: 'fence', nth: 1 };
  const before = shred && index % 4 === 0 ? size : 0;
  return { type: 'changed', nth: before + randomInt(1, size - CONCURRENCY) };
}

describe('a process that is killed', () => {
  it(
    'in a backfill loses nothing, and the next one completes it',
    async () => {
      const midway = await many(async () => {
        const world = await World.create(false);
        const { file, keys } = world;
        const left = async (): Promise<number> =>
          (await countPlaintext(note, world.notes)).documents;
        const kill = await killAndFinish(world, {
          input: { file, keys, migration: { kind: 'backfill' } },
          point: { type: 'changed', nth: randomInt(1, UNEDITED - CONCURRENCY) },
          left,
          of: world.size,
        });
        expect(await left()).toBe(0);
        expect(await rowsOf(world)).toHaveLength(world.size);
        return kill;
      });
      expect(midway).toBeGreaterThanOrEqual(LEAST_MIDWAY);
    },
    TIMEOUT_MS,
  );

  it(
    'in a re-encryption loses nothing, and the next one completes it',
    async () => {
      const midway = await many(async (index) => {
        const world = await World.create(true);
        await sleep(5);
        const createdBefore = new Date().toISOString();
        const shred = index % 2 === 0;
        const { file, keys } = world;
        const oldRows = async (): Promise<readonly DekRow[]> =>
          (await rowsOf(world)).filter((row) => row.createdAt < createdBefore);
        const migration = { kind: 'reencrypt', createdBefore, shred } as const;
        const kill = await killAndFinish(world, {
          input: { file, keys, migration },
          point: reencryptionPoint(index, world.size, shred),
          left: async () => stepsLeft(await oldRows(), shred),
          of: shred ? 2 * world.size : world.size,
        });
        const rows = await rowsOf(world);
        const old = await oldRows();
        expect(new Set(old.map(({ state }) => state))).toEqual(
          new Set([shred ? 'shredded' : 'retired']),
        );
        expect(rows.filter(({ state }) => state === 'active')).toHaveLength(world.size);
        return kill;
      });
      expect(midway).toBeGreaterThanOrEqual(LEAST_MIDWAY);
    },
    TIMEOUT_MS,
  );
});
