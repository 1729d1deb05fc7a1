import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import Database from 'libsql';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CommandWorld, noteOf, PRODUCT, type CommandOutcome } from '../support/command-world.js';
import { problemsIn } from '../support/command-trail.js';

const WRITER = join(import.meta.dirname, 'note-writer.mjs');
const DIE_AT_WRITE = pathToFileURL(join(import.meta.dirname, 'die-at-write.mjs')).href;
const NOTES = 200;
/** Kills of one mode, of all three together 201: half of them by the clock, half of them in the middle of the work. */
const KILLS = 67;
const SOONEST_MS = 150;
const WRITE_DEK = 'UPDATE "dek_store"';
/** More than are in one transaction: with eight under way, some are committed when this number is reached. */
const LEAST_WRITES = 20;
/** Acknowledged writes beside the kills, at least. */
const LEAST_BODIES = 20;

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
    while (this.bodies.size < LEAST_BODIES && this.#child.exitCode === null) await sleep(10);
    this.#child.stdin?.end();
    await this.#ended;
  }
}

interface Progress {
  readonly done: number;
  /** Writes that the command has yet to make, at least. */
  readonly left: number;
}

/** A mode, killed again and again. */
interface Victim {
  readonly world: CommandWorld;
  /** The command, the same until it has finished. */
  readonly args: () => readonly string[];
  /** Makes new work once the command has finished. */
  readonly renew: () => Promise<void>;
  /** How the SQL begins that writes what is done. */
  readonly write: string;
  /** In the store, of the present work. */
  readonly progress: () => Promise<Progress>;
}

async function killAgainAndAgain(victim: Victim): Promise<void> {
  let longestMs = 2_500;
  for (let kills = 0; kills < KILLS; kills += 1) {
    if (kills % 2 === 0) await dieAmidWork(victim);
    else longestMs = await killByClock(victim, longestMs);
    // One of them waits until the lease of the first is over; the others need no 30 s to show the same.
    if (kills > 0) releaseLeases(victim.world);
  }
}

/** Whatever the machine does meanwhile: the command dies at one of its writes, and has made some, but not all of them. */
async function dieAmidWork(victim: Victim): Promise<void> {
  const { world, args, write, progress } = victim;
  let before = await progress();
  if (before.left < 2 * LEAST_WRITES) {
    await finish(victim);
    await victim.renew();
    before = await progress();
  }
  const nth = randomInt(LEAST_WRITES, Math.floor(before.left / 2) + 1);
  const point = { beginning: write, nth, when: randomInt(2) === 0 ? 'within' : 'after' };
  const env = { NODE_OPTIONS: `--import ${DIE_AT_WRITE}`, DIE_AT_WRITE: JSON.stringify(point) };
  world.mayLeaveStarts = true;
  const outcome = await world.run([...args(), '--quiet'], { env });
  expect(outcome.code, JSON.stringify({ point, before, outcome })).toBe(-1);
  const after = await progress();
  expect(after.done, JSON.stringify(point)).toBeGreaterThan(before.done);
  expect(after.left, JSON.stringify(point)).toBeGreaterThan(0);
}

function releaseLeases({ folder }: CommandWorld): void {
  const database = new Database(join(folder, 'deks.sqlite'), { timeout: 60_000 });
  database.exec(`UPDATE dek_store
    SET item = json_set(item, '$.expiresAt', json_extract(item, '$.heartbeatAt'))
    WHERE type = 'lease'`);
  database.close();
}

/** Kills it at a random moment: while it starts, waits, works or ends. @returns What a whole run takes at most. */
async function killByClock(victim: Victim, mostMs: number): Promise<number> {
  const { world, args } = victim;
  for (let longestMs = mostMs; ;) {
    const startedMs = performance.now();
    const command = world.start([...args(), '--quiet']);
    const waited = sleep(SOONEST_MS + Math.random() * (longestMs - SOONEST_MS));
    const isOver = await Promise.race([command.ended.then(() => true), waited]);
    if (isOver !== true) command.kill('SIGKILL');
    const outcome = await command.ended;
    if (outcome.code === -1) return longestMs;
    requireFinished(outcome);
    longestMs = Math.max(2 * SOONEST_MS, performance.now() - startedMs);
    await victim.renew();
  }
}

async function finish({ world, args }: Victim): Promise<void> {
  requireFinished(await world.run([...args(), '--quiet']));
}

function requireFinished(outcome: CommandOutcome): void {
  expect(outcome, outcome.stderr).toMatchObject({ code: 0 });
}

/** Nothing that was acknowledged is lost, and everything opens. */
async function requireWhole(world: CommandWorld, writer: Writer): Promise<void> {
  await writer.stop();
  expect(writer.errors).toEqual([]);
  expect(writer.bodies.size).toBeGreaterThanOrEqual(LEAST_BODIES);
  const notes = new Map((await world.readNotes()).map((note) => [note.id, note]));
  const lost = [...writer.bodies].filter(([id, body]) => notes.get(id)?.body !== body);
  expect(lost).toEqual([]);
  const untouched = Array.from({ length: NOTES }, (_, at) => noteOf(at)).filter(
    ({ id }) => !writer.bodies.has(id),
  );
  for (const note of untouched) expect(notes.get(note.id)).toEqual(note);
}

/** Each start in the audit trail has an end, or a takeover by a later command. */
function requireEnds(world: CommandWorld): void {
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
      write: WRITE_DEK,
      progress: async () => {
        const rows = await world.rows();
        // One that is created meanwhile has no previous wrap.
        const done = rows.filter((row) => row['mekVersion'] === target && row['previousWrap']);
        const left = rows.filter(({ mekVersion }) => mekVersion !== target);
        return { done: done.length, left: left.length };
      },
    };
    await killAgainAndAgain(victim);
    await finish(victim);
    requireEnds(world);
    await requireWhole(world, writer);
    const versions = new Set((await world.rows()).map(({ mekVersion }) => mekVersion));
    expect([...versions]).toEqual([target]);
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
      write: 'UPDATE "notes"',
      progress: async () => {
        const left = await plainNotes(world);
        return { done: plain - left, left };
      },
    };
    await killAgainAndAgain(victim);
    await finish(victim);
    requireEnds(world);
    await requireWhole(world, writer);
    expect(await plainNotes(world)).toBe(0);
    const read = new Map((await world.readNotes()).map((note) => [note.id, note]));
    for (let at = 0; at < plain; at += 1) {
      const note = noteOf(10_000 + at);
      expect(read.get(note.id)).toEqual(note);
    }
  });

  it('gives every note a fresh DEK, and shreds the old ones', async () => {
    await using world = await CommandWorld.make({ notes: NOTES });
    const writer = new Writer(world);
    let moment = new Date().toISOString();
    const rowsBefore = async (): Promise<readonly Readonly<Record<string, unknown>>[]> =>
      (await world.rows()).filter(({ createdAt }) => String(createdAt) < moment);
    const victim: Victim = {
      world,
      args: () => ['re-encrypt', '--created-before', moment, '--shred', '--yes'],
      renew: () => {
        moment = new Date().toISOString();
        return Promise.resolve();
      },
      write: WRITE_DEK,
      progress: async () => {
        const rows = await rowsBefore();
        // Each is retired by one write, and shredded by another.
        const left = rows.filter(({ state }) => state === 'active').length + live(rows).length;
        return { done: 2 * rows.length - left, left };
      },
    };
    await killAgainAndAgain(victim);
    await finish(victim);
    requireEnds(world);
    await requireWhole(world, writer);
    expect(live(await rowsBefore())).toEqual([]);
  });
});

function live(
  rows: readonly Readonly<Record<string, unknown>>[],
): readonly Readonly<Record<string, unknown>>[] {
  return rows.filter(({ state }) => state !== 'shredded');
}

async function plainNotes({ notes }: CommandWorld): Promise<number> {
  let [count, continuation] = [0, undefined as string | undefined];
  do {
    const page = await notes.list({ pageSize: 1_000, ...(continuation && { continuation }) });
    count += page.items.filter(({ document }) => typeof document.body === 'string').length;
    ({ continuation } = page);
  } while (continuation !== undefined);
  return count;
}
