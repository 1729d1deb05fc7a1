/** Needs the built package: its child processes import it by name. */
import { randomInt } from 'node:crypto';
import Database from 'libsql';
import { expect, it, onTestFinished } from 'vitest';
import type { DekRow } from '../../src/adapters.js';
import { SqliteDocumentStore } from '../../src/sqlite/index.js';
import { decryptAny, type Loose } from '../support/encryptor.js';
import { defined } from '../support/definition-records.js';
import { perLane } from '../support/lane.js';
import { finishMigration, killMigration } from './killed-migration-process.js';
import { note, World } from './killed-migration-world.js';

const KILLS = perLane(2, 10);
/** This number of further documents may be done when a child is killed. */
const CONCURRENCY = 3;
const TIMEOUT_MS = 1_200_000;

const entry = defined(['title', 'body', 'tags[]'], { collection: 'entries' });

async function allIn({ file }: World, table: string): Promise<readonly Loose[]> {
  const handle = new Database(file);
  onTestFinished(() => void handle.close());
  const store = new SqliteDocumentStore<Loose>(handle, { table, key: note.key });
  return (await store.list({ pageSize: 1_000 })).items.map(({ document }) => document);
}

/** Opens each document under the definition that opens it. */
async function idsOf(world: World, stored: readonly Loose[]): Promise<ReadonlySet<unknown>> {
  const encryptor = world.encryptor('strict');
  const opened = stored.map((each) =>
    decryptAny(encryptor, each, entry).catch(() => decryptAny(encryptor, each, note)),
  );
  const whole = (await Promise.all(opened)).filter(({ body }) => body === 'first');
  return new Set(whole.map(({ id }) => id));
}

async function statesIn({ dekStore }: World, collection: string): Promise<readonly string[]> {
  const { items } = await dekStore.list({ product: 'notelett' }, { pageSize: 1_000 });
  const rows = items.map(({ value }) => value as DekRow);
  return rows.filter(({ scope }) => scope[0] === collection).map(({ state }) => state);
}

it.each(['notes', 'entries'])(
  'a process that is killed in a move to table %s loses nothing, and the next one completes it',
  async (table) => {
    for (let kill = 0; kill < KILLS / 2; kill += 1) {
      const world = await World.create(true);
      const { file, keys, size } = world;
      const input = { file, keys, migration: { kind: 'move', table } } as const;
      const nth = randomInt(1, size - CONCURRENCY);
      const isLate = kill % 5 === 4;
      expect(
        await killMigration(input, isLate ? { type: 'fence', nth: 1 } : { type: 'changed', nth }),
      ).toBe(true);
      const tables = table === 'notes' ? ['notes'] : ['notes', 'entries'];
      const left = await Promise.all(tables.map((each) => allIn(world, each)));
      expect((await idsOf(world, left.flat())).size).toBe(size);
      expect(await finishMigration(input)).toMatchObject({ complete: true, failed: 0 });
      const moved = await allIn(world, table);
      expect(moved).toHaveLength(size);
      const encryptor = world.encryptor('strict');
      for (const each of moved) {
        expect(await decryptAny(encryptor, each, entry)).toMatchObject({ body: 'first' });
      }
      if (table === 'entries') expect(await allIn(world, 'notes')).toEqual([]);
      const old = Array.from({ length: size }, () => 'shredded');
      expect(await statesIn(world, 'notes')).toEqual(old);
      expect(await statesIn(world, 'entries')).toEqual(old.map(() => 'active'));
    }
  },
  TIMEOUT_MS,
);
