import { expect, it } from 'vitest';
import { EnvKeyProvider, takeCensus } from '../../src/index.js';
import { contentsOf, PRODUCT } from '../support/encryptor.js';
import { FleetWorker, workerAt, type FleetPlan } from './fleet-worker.js';
import { encryptorOver, makeWorld, note, seededBytes, versionOf } from './killed-rewrap-world.js';
import type { World } from './killed-rewrap-world.js';
import { isSlow, perLane } from '../support/lane.js';

const WORKERS = perLane(2, 8);
const KILLED = 1;
/** Well before the end of a shard, and after the first rows. */
const ROWS_UNTIL_KILL = 10;
const UNDER_WAY = 2;
const LIMIT_MS = 1_200_000;

interface Write {
  readonly id: string;
  readonly before: string;
  readonly after: string;
  readonly rewrappedAt: string;
}

/** From now on the file itself keeps account of every write to a DEK row. */
function audit({ handle }: World): void {
  handle.exec(`CREATE TABLE writes (id TEXT, before TEXT, after TEXT, rewrapped_at TEXT)`);
  handle.exec(`CREATE TRIGGER audit AFTER UPDATE ON dek_store WHEN NEW.type = 'dek' BEGIN
    INSERT INTO writes VALUES (NEW.id, json_extract(OLD.item, '$.wrappedDek'),
      json_extract(NEW.item, '$.wrappedDek'), json_extract(NEW.item, '$.rewrappedAt')); END`);
}

function writesIn({ handle }: World): readonly Write[] {
  const columns = 'id, before, after, rewrapped_at AS rewrappedAt';
  return handle.prepare(`SELECT ${columns} FROM writes`).all() as Write[];
}

async function startFleet(
  world: World,
  key: string,
  parks?: FleetPlan['parks'],
): Promise<readonly FleetWorker[]> {
  const plan = { target: await versionOf(key), count: WORKERS, ...(parks && { parks }) };
  const workers = Array.from(
    { length: WORKERS },
    (_each, index) => new FleetWorker(world, plan, index),
  );
  await Promise.all(workers.map((worker) => worker.begin()));
  return workers;
}

/** Each row was written once, under a new wrap, and its writer reported it. */
function requireOnce(world: World, workers: readonly FleetWorker[]): void {
  const writes = writesIn(world);
  expect(new Set(writes.map(({ id }) => id)).size).toBe(world.seeded.length);
  expect(writes).toHaveLength(world.seeded.length);
  for (const { before, after } of writes) expect(after).not.toBe(before);
  for (const { index, reported, finish } of workers) {
    const written = writes.filter(({ rewrappedAt }) => workerAt(rewrappedAt) === index);
    const ids = new Set(written.map(({ id }) => id));
    if (finish) expect(ids).toEqual(reported);
    else expect([...reported].filter((id) => !ids.has(id))).toEqual([]);
    expect(written.length - reported.size).toBeLessThanOrEqual(finish ? 0 : UNDER_WAY);
  }
}

/** By a process that has the new key and no other. */
async function requireReadable(world: World, key: string): Promise<void> {
  const encryptor = encryptorOver(world.dekStore, [new EnvKeyProvider({ key })]);
  for (const id of world.seeded) {
    const item = await world.notes.get({ workspaceId: 'seeded', id });
    const { body } = await encryptor.decryptDocument(note, item?.document as never);
    expect(body).toBe(`body of ${id}`);
  }
}

it.runIf(isSlow)(
  'several processes share a rotation, and rewrap every row once',
  { timeout: LIMIT_MS },
  async () => {
    const world = await makeWorld();
    const [, key] = world.keys;
    const documents = seededBytes(world);
    audit(world);
    const workers = await startFleet(world, key);
    expect(await Promise.all(workers.map((worker) => worker.end()))).toEqual(all('0'));
    requireOnce(world, workers);
    const summaries = workers.map(({ finish }) => finish?.summary);
    expect(summaries.map((summary) => summary?.complete)).toEqual(all(true));
    expect(summaries.map((summary) => summary?.failed)).toEqual(all(0));
    const rewrapped = summaries.map((summary) => summary?.changed ?? 0);
    expect(rewrapped.every((rows) => rows > 0)).toBe(true);
    expect(rewrapped.reduce((sum, rows) => sum + rows)).toBe(world.seeded.length);
    const census = await takeCensus({ product: PRODUCT, dekStore: world.dekStore });
    expect(census).toMatchObject({ settled: true, rotation: { epoch: 2, state: 'complete' } });
    await requireReadable(world, key);
    expect(seededBytes(world)).toBe(documents);
    await requireNothingLeft(world, key);
  },
);

/** A second run of the same fleet. */
async function requireNothingLeft(world: World, key: string): Promise<void> {
  const contents = await contentsOf(world.dekStore);
  const again = await startFleet(world, key);
  expect(await Promise.all(again.map((worker) => worker.end()))).toEqual(all('0'));
  for (const { finish } of again) {
    expect(finish).toMatchObject({ wraps: 0, summary: { complete: true, changed: 0 } });
  }
  expect(await contentsOf(world.dekStore)).toEqual(contents);
  expect(writesIn(world)).toHaveLength(world.seeded.length);
}

it(
  'one of several is killed among its rows, and the others finish them',
  { timeout: LIMIT_MS },
  async () => {
    const world = await makeWorld();
    const [, key] = world.keys;
    audit(world);
    const workers = await startFleet(world, key, { index: KILLED, rows: ROWS_UNTIL_KILL });
    const killed = workers[KILLED] as FleetWorker;
    const ends = await Promise.all(workers.map((worker) => worker.end()));
    expect(ends).toEqual(ends.map((_end, index) => (index === KILLED ? 'SIGKILL' : '0')));
    expect(killed.finish).toBeUndefined();
    expect(killed.reported.size).toBe(ROWS_UNTIL_KILL);
    requireOnce(world, workers);
    for (const { finish } of workers.filter((worker) => worker !== killed)) {
      expect(finish?.summary).toMatchObject({ complete: true, failed: 0 });
    }
    const census = await takeCensus({ product: PRODUCT, dekStore: world.dekStore });
    expect(census).toMatchObject({ settled: true, rotation: { epoch: 2, state: 'complete' } });
    await requireReadable(world, key);
  },
);

function all<T>(value: T): T[] {
  return Array.from({ length: WORKERS }, () => value);
}
