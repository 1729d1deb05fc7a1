import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { EnvKeyProvider, isFieldEncryptionError, type FieldEncryptor } from '../../src/index.js';
import { rejection } from '../support/failure.js';
import { allSteps, dealSteps, KILLS } from './killed-rewrap-plan.js';
import { DekWatch, FIRST_EPOCH } from './killed-rewrap-watch.js';
import { encryptorOver, makeWorld, note, versionOf, type World } from './killed-rewrap-world.js';
import { KilledRotation, type Landing } from './killed-rotation.js';
import { Traffic, type TrafficCounts } from './traffic-process.js';

interface JournalEntry {
  readonly id: string;
  /** Absent when the note was shredded. */
  readonly body?: string;
}

const ROUNDS = 1;
const LIMIT_MS = 1_200_000;
const LEAST_AMONG_ROWS = 0.8;

it(
  'rewraps that are killed at every step lose nothing, beside a process that reads and writes',
  async () => {
    const landings: Landing[] = [];
    for (let round = 0; round < ROUNDS; round += 1) landings.push(...(await playRound()));
    expect(landings).toHaveLength(KILLS * ROUNDS);
    expect(new Set(landings.map(({ step }) => step))).toEqual(allSteps());
    const amongRows = landings.filter((landing) => landing.amongRows);
    const others = landings.filter((landing) => !landing.amongRows).map(({ step }) => step);
    expect(
      amongRows.length / landings.length,
      `not among the rows: ${others.join(', ')}`,
    ).toBeGreaterThanOrEqual(LEAST_AMONG_ROWS);
  },
  LIMIT_MS * ROUNDS,
);

/** Rotations one after the other on a file of their own, with the same traffic through all of them. */
async function playRound(): Promise<Landing[]> {
  const world = await makeWorld();
  const { keys, dekStore, provider } = world;
  const watch = new DekWatch(dekStore, provider);
  await watch.look();
  const traffic = new Traffic(world);
  const landings: Landing[] = [];
  let [key, counts] = [keys[0], NOTHING];
  for (const [index, steps] of dealSteps().entries()) {
    key = keys[(index + 1) % keys.length] ?? key;
    const rotation = new KilledRotation(
      { world, traffic, watch },
      await versionOf(key),
      index + FIRST_EPOCH + 1,
    );
    landings.push(...(await rotation.kill(steps)));
    const before = counts;
    counts = await rotation.finish();
    requireProgress(before, counts);
  }
  await traffic.stop();
  expect(traffic.errors).toEqual([]);
  await requireAllReadable(world, encryptorOver(dekStore, [new EnvKeyProvider({ key })]));
  return landings;
}

const NOTHING: TrafficCounts = { reads: 0, edits: 0, creates: 0, shreds: 0 };

function requireProgress(before: TrafficCounts, now: TrafficCounts): void {
  for (const work of ['reads', 'edits', 'creates', 'shreds'] as const) {
    expect(now[work], `${work} during a rotation`).toBeGreaterThan(before[work]);
  }
}

/** The notes from before, and each of the traffic's own as it was last acknowledged. */
async function requireAllReadable(world: World, encryptor: FieldEncryptor): Promise<void> {
  for (const id of world.seeded) {
    expect(await read(world, encryptor, 'seeded', id)).toBe(`body of ${id}`);
  }
  for (const { id, body } of lastEntries(world.journal)) {
    const reading = read(world, encryptor, 'live', id);
    if (body !== undefined) expect(await reading).toBe(body);
    else expect(await codeOf(reading), `${id} was shredded`).toBe('DEK_SHREDDED');
  }
}

async function read(
  { notes }: World,
  encryptor: FieldEncryptor,
  workspaceId: string,
  id: string,
): Promise<string> {
  const item = await notes.get({ workspaceId, id });
  if (!item) throw new Error(`${id} is gone`);
  return (await encryptor.decryptDocument(note, item.document)).body;
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await rejection(work);
  return isFieldEncryptionError(error) ? error.code : String(error);
}

function lastEntries(journal: string): readonly JournalEntry[] {
  const lines = readFileSync(journal, 'utf8').trimEnd().split('\n');
  const entries = lines.map((line) => JSON.parse(line) as JournalEntry);
  return [...new Map(entries.map((entry) => [entry.id, entry])).values()];
}
