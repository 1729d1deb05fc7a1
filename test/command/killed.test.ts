import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CommandWorld, noteOf, PRODUCT } from '../support/command-world.js';
import { problemsIn } from '../support/command-trail.js';
import { perLane } from '../support/lane.js';

const WRITER = join(import.meta.dirname, 'note-writer.mjs');
const NOTES = 200;
/** Kills of one mode: of all three together 201 in the slow lane. */
const KILLS = perLane(2, 67);
const SOONEST_MS = 150;

interface Line {
  readonly id: string;
  readonly body?: string;
  readonly error?: string;
}

/** The application, which writes all the time. */
class Writer {
  /** The last acknowledged body of each note. */
  readonly bodies = new Map<string, string>();
  readonly errors: string[] = [];
  readonly #child: ReturnType<typeof spawn>;
  readonly #ended: Promise<unknown>;

  constructor(world: CommandWorld) {
    const settings = {
      folder: world.folder,
      product: PRODUCT,
      keys: [world.keys.old, world.keys.new],
      current: 0,
      ids: Array.from({ length: NOTES }, (_, at) => noteOf(at).id),
    };
    const child = spawn(process.execPath, [WRITER, JSON.stringify(settings)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (text) => {
      const { id, body, error } = JSON.parse(text) as Line;
      if (body !== undefined) this.bodies.set(id, body);
      if (error !== undefined) this.errors.push(`${id}: ${error}`);
    });
    this.#ended = Promise.all([once(child, 'exit'), once(lines, 'close')]);
    this.#child = child;
  }

  async stop(): Promise<void> {
    this.#child.stdin?.end();
    await this.#ended;
  }
}

/** A mode, killed again and again. */
interface Victim {
  readonly world: CommandWorld;
  /** The command, the same until it has finished. */
  readonly args: () => readonly string[];
  /** Makes new work once the command has finished. */
  readonly renew: () => Promise<void>;
  /** Whether work was done, and is left. */
  readonly isMidway: () => Promise<boolean>;
}

/** @returns How many of the kills were in the middle of the work. */
async function killAgainAndAgain({ world, args, renew, isMidway }: Victim): Promise<number> {
  let [kills, midway, longestMs] = [0, 0, 2_500];
  while (kills < KILLS) {
    const startedMs = performance.now();
    const command = world.start([...args(), '--quiet']);
    const outcome = await Promise.race([
      command.ended,
      sleep(SOONEST_MS + Math.random() * (longestMs - SOONEST_MS)),
    ]);
    if (outcome) {
      expect(outcome, outcome.stderr).toMatchObject({ code: 0 });
      // The next kills are within what a whole run takes here.
      longestMs = Math.max(2 * SOONEST_MS, performance.now() - startedMs);
      await renew();
      continue;
    }
    command.kill('SIGKILL');
    if ((await command.ended).code === 0) continue;
    kills += 1;
    if (await isMidway()) midway += 1;
  }
  return midway;
}

/** Nothing that was acknowledged is lost, and everything opens. */
async function requireWhole(world: CommandWorld, writer: Writer): Promise<void> {
  await writer.stop();
  expect(writer.errors).toEqual([]);
  expect(writer.bodies.size).toBeGreaterThan(10);
  const notes = new Map((await world.readNotes()).map((note) => [note.id, note]));
  const lost = [...writer.bodies].filter(([id, body]) => notes.get(id)?.body !== body);
  expect(lost).toEqual([]);
  const untouched = Array.from({ length: NOTES }, (_, at) => noteOf(at)).filter(
    ({ id }) => !writer.bodies.has(id),
  );
  for (const note of untouched) expect(notes.get(note.id)).toEqual(note);
}

/** Each start in the audit trail has an end, or a takeover by a later command. */
async function finish({ world, args }: Victim): Promise<void> {
  const outcome = await world.run([...args(), '--quiet']);
  expect(outcome, outcome.stderr).toMatchObject({ code: 0 });
  const trail = world.trail();
  // Killed before its start, or after its end, was recorded, an operation counts as unfinished anyway.
  const problems = problemsIn(trail).filter((each) => !each.endsWith(', which is not open'));
  expect(problems).toEqual([]);
  const gone = trail.filter(({ data }) => data['reason'] === 'process-gone');
  expect(gone.length).toBeGreaterThan(0);
}

describe.concurrent('the command, killed at random moments beside a writer', () => {
  it('rewraps every DEK', async () => {
    await using world = await CommandWorld.make({ notes: NOTES });
    const writer = new Writer(world);
    let target = world.versions.new;
    const victim: Victim = {
      world,
      args: () => ['rewrap-deks', '--new-mek-version', target],
      renew: () => {
        target = target === world.versions.new ? world.versions.old : world.versions.new;
        return Promise.resolve();
      },
      isMidway: async () => {
        const versions = (await world.rows()).map(({ mekVersion }) => mekVersion);
        return new Set(versions).size > 1;
      },
    };
    const midway = await killAgainAndAgain(victim);
    await finish(victim);
    await requireWhole(world, writer);
    const versions = new Set((await world.rows()).map(({ mekVersion }) => mekVersion));
    expect([...versions]).toEqual([target]);
    expect(midway).toBeGreaterThanOrEqual(perLane(0, 5));
  });

  it('encrypts every note', async () => {
    await using world = await CommandWorld.make({ notes: NOTES });
    const writer = new Writer(world);
    let plain = 0;
    const renew = async (): Promise<void> => {
      for (let at = 0; at < NOTES; at += 1) await world.notes.create(noteOf(10_000 + plain + at));
      plain += NOTES;
    };
    await renew();
    const victim: Victim = {
      world,
      args: () => ['encrypt', '--collection', 'notes', '--yes'],
      renew,
      isMidway: async () => {
        const left = await plainNotes(world);
        return left > 0 && left < NOTES;
      },
    };
    const midway = await killAgainAndAgain(victim);
    await finish(victim);
    await requireWhole(world, writer);
    expect(await plainNotes(world)).toBe(0);
    const read = new Map((await world.readNotes()).map((note) => [note.id, note]));
    for (let at = 0; at < plain; at += 1) {
      const note = noteOf(10_000 + at);
      expect(read.get(note.id)).toEqual(note);
    }
    expect(midway).toBeGreaterThanOrEqual(perLane(0, 5));
  });

  it('gives every note a fresh DEK, and shreds the old ones', async () => {
    await using world = await CommandWorld.make({ notes: NOTES });
    const writer = new Writer(world);
    let moment = new Date().toISOString();
    const liveBefore = async (): Promise<readonly unknown[]> =>
      (await world.rows()).filter(
        ({ state, createdAt }) => state !== 'shredded' && String(createdAt) < moment,
      );
    const victim: Victim = {
      world,
      args: () => ['re-encrypt', '--created-before', moment, '--shred', '--yes'],
      renew: () => {
        moment = new Date().toISOString();
        return Promise.resolve();
      },
      isMidway: async () => {
        const rows = await world.rows();
        const fresh = rows.some(
          ({ id, createdAt }) => !String(id).endsWith('.1') && String(createdAt) >= moment,
        );
        return fresh && (await liveBefore()).length > 0;
      },
    };
    const midway = await killAgainAndAgain(victim);
    await finish(victim);
    await requireWhole(world, writer);
    expect(await liveBefore()).toEqual([]);
    expect(midway).toBeGreaterThanOrEqual(perLane(0, 5));
  });
});

async function plainNotes({ notes }: CommandWorld): Promise<number> {
  let [count, continuation] = [0, undefined as string | undefined];
  do {
    const page = await notes.list({ pageSize: 1_000, ...(continuation && { continuation }) });
    count += page.items.filter(({ document }) => typeof document.body === 'string').length;
    ({ continuation } = page);
  } while (continuation !== undefined);
  return count;
}
