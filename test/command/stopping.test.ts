import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { CommandWorld, type StartedCommand } from '../support/command-world.js';

/** Enough that a run is still on when its first rows are printed. */
const NOTES = 400;

/** One item at a time. */
function slowly(args: readonly string[]): readonly string[] {
  return [...args, '--concurrency', '1', '--format', 'jsonl'];
}

async function untilPrinted(command: StartedCommand, what: string): Promise<void> {
  while (!command.printed.stdout.includes(what)) {
    const ended = await Promise.race([
      command.ended,
      new Promise<undefined>((resolve) => setImmediate(resolve, undefined)),
    ]);
    if (ended) throw new Error(`It ended before it printed ${what}: ${ended.stderr}`);
  }
}

/** The command that was printed, as the words of a command line. */
function resumeOf(stderr: string): readonly string[] {
  const [, line = ''] = /To resume:\n {2}encrypt-migrate (.*)\n/.exec(stderr) ?? [];
  return line.split(' ');
}

describe('stopping the command', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'by %s finishes what is in flight, and prints the command that resumes',
    async (signal) => {
      await using world = await CommandWorld.make({ notes: NOTES });
      const args = ['rewrap-deks', '--new-mek-version', world.versions.new];
      const command = world.start(slowly(args));
      await untilPrinted(command, '"type":"changed"');
      command.kill(signal);
      const { code, stdout, stderr } = await command.ended;
      expect({ code, stderr }).toMatchObject({ code: 130 });
      expect(stderr).toContain('Stopping: what is in flight is finished first.');
      const lines = stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Line);
      const { report } = lines.at(-1) ?? {};
      expect(report).toMatchObject({
        outcome: 'interrupted',
        exitCode: 130,
        next: [{ why: 'To resume' }],
      });
      // What was printed as done is done, and no more than was in flight came on top.
      const done = lines.filter(({ type }) => type === 'changed').map(({ dekId }) => dekId);
      const moved = (await world.rows())
        .filter(({ mekVersion }) => mekVersion === world.versions.new)
        .map(({ id }) => id);
      expect(moved.length).toBeLessThan(NOTES);
      expect([...moved].sort()).toEqual([...done].sort());
      const resumed = await world.run(resumeOf(stderr));
      expect(resumed, resumed.stderr).toMatchObject({ code: 0 });
      const versions = new Set((await world.rows()).map(({ mekVersion }) => mekVersion));
      expect([...versions]).toEqual([world.versions.new]);
    },
  );

  it('twice ends it at once, and a rerun finishes', async () => {
    await using world = await CommandWorld.make({ notes: NOTES, fenceTtlMs: 60_000 });
    const args = ['rewrap-deks', '--new-mek-version', world.versions.new];
    const command = world.start(args);
    while (!command.printed.stderr.includes('waiting for writers')) await tick();
    command.kill('SIGINT');
    command.kill('SIGTERM');
    const { code, stderr } = await command.ended;
    // The second may come when the first has ended it already.
    expect(code).toBe(130);
    expect(resumeOf(stderr)).toEqual(args);
    const versions = (await world.rows()).map(({ mekVersion }) => mekVersion);
    expect(new Set(versions)).toEqual(new Set([world.versions.old]));
  });

  it('again while the result of the stopped mode is printed ends it with the same code', async () => {
    await using world = await CommandWorld.make({ notes: NOTES });
    const file = world.write(
      'signals.mjs',
      `const write = process.stdout.write.bind(process.stdout);
      process.stdout.write = (text, ...rest) => {
        if (text.includes('"scanned":1,')) process.emit('SIGINT', 'SIGINT');
        if (text.includes('"type":"report"')) process.kill(process.pid, 'SIGTERM');
        return write(text, ...rest);
      };`,
    );
    const args = slowly(['rewrap-deks', '--new-mek-version', world.versions.new]);
    const { code, stderr } = await world.run(args, { env: { NODE_OPTIONS: `--import=${file}` } });
    expect({ code, stderr }).toMatchObject({ code: 130 });
    const resumed = await world.run(resumeOf(stderr));
    expect(resumed, resumed.stderr).toMatchObject({ code: 0 });
  });

  it('of the reader of its output stops it cleanly', async () => {
    await using world = await CommandWorld.make({ notes: NOTES });
    const args = slowly(['rewrap-deks', '--new-mek-version', world.versions.new]);
    const child = spawn(process.execPath, [world.bin, ...args], {
      cwd: world.folder,
      env: { PATH: process.env['PATH'], ...world.env },
    });
    child.stdout.once('data', () => child.stdout.destroy());
    const [stderr, [code]] = await Promise.all([
      text(child.stderr),
      once(child, 'close') as Promise<[number | null]>,
    ]);
    expect(code).toBe(130);
    expect(stderr).not.toMatch(/EPIPE|at .*\.js/);
    const resumed = await world.run(resumeOf(stderr));
    expect(resumed, resumed.stderr).toMatchObject({ code: 0 });
  });
});

interface Line {
  readonly type: string;
  readonly dekId?: string;
  readonly report?: object;
}

function tick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
