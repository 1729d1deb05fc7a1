/** How the command ends where its output, its report or its stores do not let it end as it should. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CommandWorld, type CommandOutcome, type Variables } from '../support/command-world.js';

let world: CommandWorld;

beforeEach(async () => {
  world = await CommandWorld.make({ notes: 3 });
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

/** The stream has no reader from the start. */
async function withoutReader(
  stream: 'stderr' | 'stdout',
  args: readonly string[],
): Promise<CommandOutcome> {
  const child = spawn(process.execPath, [world.bin, ...args], {
    cwd: world.folder,
    env: { PATH: process.env['PATH'], ...world.env },
  });
  const printed = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (part: Buffer) => (printed[name] += part.toString()));
  }
  child[stream].destroy();
  const [code] = (await once(child, 'close')) as [number | null];
  return { code: code ?? -1, ...printed };
}

/** The command runs after this code. */
function preloaded(code: string): Variables {
  return { NODE_OPTIONS: `--import=${world.write('preload.mjs', code)}` };
}

/** A shell of the system writes the output of the command to a device that is full. */
async function onFullDevice(args: string): Promise<CommandOutcome> {
  const script = `'${process.execPath}' '${world.bin}' ${args} > /dev/full`;
  const child = spawn('sh', ['-c', script], {
    cwd: world.folder,
    env: { PATH: process.env['PATH'], ...world.env },
  });
  let stderr = '';
  child.stderr.on('data', (part: Buffer) => (stderr += part.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code: code ?? -1, stdout: '', stderr };
}

describe('the output of the command', () => {
  it.each([
    ['--help', 0],
    ['manifest --json', 0],
    ['status', 0],
    ['nonsense', 2],
  ])('may have no reader: %s', async (line, code) => {
    const args = line.split(' ');
    const unread = await withoutReader('stdout', args);
    expect(unread.code).toBe(code);
    expect(unread.stderr).not.toMatch(/EPIPE|Stopping|at .*\.js/);
    expect(await withoutReader('stderr', args)).toMatchObject({ code });
  });

  it.each(['--help', 'manifest --json', 'status'])(
    'is not lost without a word where the disk is full: %s',
    async (args) => {
      expect(await onFullDevice(args)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(
          'error Standard output cannot be written (ENOSPC): what was printed is not whole\n',
        ) as string,
      });
    },
  );
});

describe('the report of the command', () => {
  it('that cannot be written is said, after the result, and what is left of it has its rows and no seal', async () => {
    const env = preloaded(
      `import fs from 'node:fs';
      import { syncBuiltinESMExports } from 'node:module';
      fs.fsyncSync = () => { throw Object.assign(new Error('no space'), { code: 'ENOSPC' }); };
      syncBuiltinESMExports();`,
    );
    const args = [
      'rewrap-deks',
      '--new-mek-version',
      world.versions.new,
      '--report',
      'report.json',
    ];
    const { code, stdout, stderr } = await world.run([...args, '--json'], { env });
    expect(JSON.parse(stdout)).toMatchObject({
      outcome: 'failed',
      exitCode: 1,
      result: { runs: [{ summary: { complete: true } }] },
    });
    expect(code).toBe(1);
    expect(stderr).toContain(
      'error --report: the file report.json cannot be written (ENOSPC): name a file on another disk\n',
    );
    const left = readFileSync(join(world.folder, 'report.json'), 'utf8');
    expect(left.match(/"outcome":"changed"/g)).toHaveLength(3);
    expect(left).not.toContain('"seal"');
    // Of a mode without rows, there is nothing to keep.
    expect(await world.run(['status', '--report', 'status.json'], { env })).toMatchObject({
      code: 1,
    });
    expect(existsSync(join(world.folder, 'status.json'))).toBe(false);
  });

  it('is whole where the folder cannot be flushed', async () => {
    const env = preloaded(
      `import fs from 'node:fs';
      import { syncBuiltinESMExports } from 'node:module';
      const { fsyncSync } = fs;
      fs.fsyncSync = (descriptor) => {
        if (fs.fstatSync(descriptor).isDirectory())
          throw Object.assign(new Error('not here'), { code: 'EINVAL' });
        fsyncSync(descriptor);
      };
      syncBuiltinESMExports();`,
    );
    const { code } = await world.run(['status', '--report', 'report.json'], { env });
    expect(code).toBe(0);
    expect(existsSync(join(world.folder, 'report.json'))).toBe(true);
  });

  it('is no empty file after the command was stopped at once', async () => {
    const env = preloaded(
      `import { subscribe } from 'node:diagnostics_channel';
      subscribe('bytelyst.field-encrypt.run', ({ event }) => {
        if (event.type !== 'fence') return;
        process.emit('SIGINT', 'SIGINT');
        process.emit('SIGINT', 'SIGINT');
      });`,
    );
    const args = [
      'rewrap-deks',
      '--new-mek-version',
      world.versions.new,
      '--report',
      'report.json',
    ];
    world.mayLeaveStarts = true;
    const { code, stderr } = await world.run(args, { env });
    expect(code).toBe(130);
    expect(stderr).toContain('Stopped at once. To resume:\n');
    expect(existsSync(join(world.folder, 'report.json'))).toBe(false);
  });
});

describe('a store that cannot be closed', () => {
  it('changes nothing of the result', async () => {
    const env = preloaded(
      `import { createRequire } from 'node:module';
      const Database = createRequire(${JSON.stringify(join(world.folder, 'any.js'))})('libsql');
      Database.prototype.close = () => { throw new Error('busy'); };`,
    );
    const args = ['rewrap-deks', '--new-mek-version', world.versions.new, '--json'];
    const { code, stdout, stderr } = await world.run(args, { env });
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).toContain('A store was not closed: busy\n');
    expect(JSON.parse(stdout)).toMatchObject({ outcome: 'done' });
  });
});
