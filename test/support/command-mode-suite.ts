/** What every mode that writes has to show: each exit code, the dry run, the question, stopping and resuming. @module */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type * as z from 'zod';
import { reportIn } from './command-report.js';
import { printedCommands, runPrinted, stopAt, type StopAt } from './command-stop.js';
import { isSlow } from './lane.js';
import { countingConfig, writesCounted } from './command-counting.js';
import { fingerprint } from './command-fingerprint.js';
import type { CommandWorld } from './command-world.js';

export interface WritingMode {
  readonly mode: string;
  /** All modes share most of it: in the fast lane, the others show only their own work. */
  readonly inFastLane?: true;
  readonly schema: z.ZodType;
  /** A product in which the mode has something to do. */
  readonly make: () => Promise<CommandWorld>;
  /** Without the mode and `--yes`. */
  readonly args: (world: CommandWorld) => readonly string[];
  /** What it asks where there is no terminal. */
  readonly question: (world: CommandWorld) => string;
  /** Fails unless the mode did all of it. */
  readonly expectDone: (world: CommandWorld) => Promise<void>;
  /** Breaks one item; the others can be done. @returns The first words of the line that names it. */
  readonly breakOne: (world: CommandWorld) => Promise<string>;
  /** Makes the library refuse the run before it begins. */
  readonly refuse: (world: CommandWorld) => Promise<Refusal>;
  readonly stop: StopAt;
  /** SQLite files that the mode writes to, beside those of every world. */
  readonly files?: readonly string[];
  /** What else it advises after it is done. */
  readonly next?: readonly unknown[];
  /** Flags that the mode does not take together, or not in this form, and what it says. */
  readonly mistakes?: readonly (readonly [args: readonly string[], message: string])[];
}

export interface Refusal {
  /** A part of it. */
  readonly message: string;
  readonly end?: () => Promise<void>;
}

export function describeWritingMode(mode: WritingMode): void {
  describe(mode.mode, () => {
    let world: CommandWorld;
    const argsOf = (): readonly string[] => [mode.mode, ...mode.args(world)];

    beforeEach(async () => {
      world = await mode.make();
    });

    afterEach(async () => {
      await world[Symbol.asyncDispose]();
    });

    it('does its work, and a second run finds nothing to do and writes no row and no document', async () => {
      const outcome = await world.run([...argsOf(), '--yes', '--json']);
      expect(outcome).toMatchObject({ code: 0 });
      const report = reportIn(outcome, mode.schema);
      expect(report).toMatchObject({ mode: mode.mode, outcome: 'done', dryRun: false });
      expect(report.next).toMatchObject(mode.next ?? []);
      expect(report.next).toHaveLength(mode.next?.length ?? 0);
      await mode.expectDone(world);
      const before = await stored(world);
      const again = await world.run([...argsOf(), '--yes', '--json']);
      expect(again).toMatchObject({ code: 0 });
      expect(await stored(world)).toEqual(before);
    });

    it.each(mode.mistakes ?? [])('refuses %j', async (args, message) => {
      const { code, stdout, stderr } = await world.run([mode.mode, ...args, '--yes']);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      // Before it there is the instant that a moment was understood as.
      expect(stderr.replace(/^--[a-z-]+ is .*Z\n/, '')).toBe(`error ${message}\n`);
    });

    if (!isSlow && !mode.inFastLane) return;

    it('writes nothing in a dry run, by the bytes of the files, and names the command that does it', async () => {
      const bytes = (): string => fingerprint(world, mode.files);
      const before = bytes();
      const dry = await world.run([...argsOf(), '--dry-run']);
      expect(dry).toMatchObject({ code: 0 });
      expect(bytes()).toEqual(before);
      const [command = ''] = printedCommands(dry);
      expect(command).not.toContain('--dry-run');
      expect(await runPrinted(world, `${command} --yes`)).toMatchObject({ code: 0 });
      await mode.expectDone(world);
      expect(bytes()).not.toEqual(before);
    });

    it('calls nothing in a dry run that writes, by a count at the stores', async () => {
      const config = countingConfig(world);
      const dry = await world.run([...argsOf(), '--dry-run', '--config', config]);
      expect(dry).toMatchObject({ code: 0 });
      expect(writesCounted(world)).toBe(0);
      const done = await world.run([...argsOf(), '--yes', '--config', config]);
      expect(done).toMatchObject({ code: 0 });
      expect(writesCounted(world)).toBeGreaterThan(0);
    });

    it('refuses to begin without --yes where there is no terminal to ask on', async () => {
      const before = await stored(world);
      const { code, stdout, stderr } = await world.run(argsOf());
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain(
        `error ${mode.question(world)} This asks before it begins, and there is no terminal to ask on: pass --yes to begin without a question, or --dry-run to see what it would do\n`,
      );
      expect(await stored(world)).toEqual(before);
    });

    it('names what fails, does the rest, and exits with 1', async () => {
      const name = await mode.breakOne(world);
      const outcome = await world.run([...argsOf(), '--yes']);
      expect(outcome).toMatchObject({ code: 1 });
      expect(outcome.stderr).toContain(`failed ${name}`);
      expect(printedCommands(outcome)).toHaveLength(1);
    });

    it('exits with 3, and changes nothing, where the library refuses to begin', async () => {
      const { message, end } = await mode.refuse(world);
      const before = await stored(world);
      const { code, stderr } = await world.run([...argsOf(), '--yes']);
      await end?.();
      expect(code).toBe(3);
      expect(stderr).toContain(message);
      expect(await stored(world)).toEqual(before);
    });

    it('stops with 130, and the command that it prints finishes the work as it is', async () => {
      const env = stopAt(world, mode.stop);
      const stopped = await world.run([...argsOf(), '--yes', '--concurrency', '1'], { env });
      expect(stopped).toMatchObject({ code: 130 });
      expect(stopped.stderr).toContain('To resume:\n  encrypt-migrate');
      const [command = ''] = printedCommands(stopped);
      expect(await runPrinted(world, command)).toMatchObject({ code: 0 });
      await mode.expectDone(world);
    });
  });
}

/** Rows and documents as they are stored; leases are others. */
async function stored(world: CommandWorld): Promise<unknown> {
  const { items } = await world.notes.list({ pageSize: 1_000 });
  return { rows: await world.rows(), notes: items };
}
