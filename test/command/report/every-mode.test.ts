/** Every mode takes --report. The modes run in this process; what they are asked for fails where it is not there. */
import { EventEmitter } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { systemClock } from '@bytelyst/field-encrypt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MODE_MODULES } from '../../../command/main/mode-modules.js';
import { parseCommand } from '../../../command/main/parse-command.js';
import { runMode } from '../../../command/main/run-mode.js';
import { flagsOf, MODE_NAMES, modeOf, type ModeName } from '../../../command/modes/mode-table.js';
import { fileSchema, reportSchema, type ModeReport } from '../../../command/report/mode-report.js';
import { reportIn } from '../../support/command-report.js';
import { CommandWorld } from '../../support/command-world.js';
import { textOf } from '../../support/report-world.js';

let world: CommandWorld;

beforeAll(async () => {
  world = await CommandWorld.make({ notes: 1 });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

/** @returns The exit code of the command. */
async function run(args: readonly string[]): Promise<number> {
  const env = { ...world.env, FIELD_ENCRYPT_KEY: world.keys.old };
  const parsed = parseCommand(args, env);
  if (parsed.kind !== 'mode') throw new Error('Not the command line of a mode');
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  stdout.resume();
  stderr.resume();
  stdin.end();
  const signals = new EventEmitter() as unknown as NodeJS.Process;
  const host = { env, folder: world.folder, stdin, stdout, stderr, signals, clock: systemClock };
  return runMode({ ...host, exit: () => undefined }, parsed.mode, parsed.raw);
}

/** The example of the mode, with versions that there are. */
function argsOf(mode: ModeName): readonly string[] {
  const line = modeOf(mode)
    .example.replaceAll('<version>', world.versions.new)
    .replaceAll('<id>', `${'0'.repeat(32)}.1`);
  const yes = flagsOf(mode).includes('yes') ? ['--yes'] : [];
  return [...line.split(' '), ...yes];
}

describe('--report', () => {
  it.each(MODE_NAMES)('of %s writes both files, by the published schema', async (mode) => {
    const [json, html] = [`${mode.replace(' ', '-')}.json`, `${mode.replace(' ', '-')}.html`];
    const code = await run([...argsOf(mode), '--report', json, '--report', html]);
    const { resultSchema } = await MODE_MODULES[mode]();
    const schema = reportSchema(resultSchema).extend(fileSchema.shape);
    const report: ModeReport = reportIn({ stdout: textOf(world, json) }, resultSchema, schema);
    expect(report).toMatchObject({ mode, exitCode: code });
    expect(textOf(world, html)).toMatch(/^<!doctype html>[^]*<!-- seal: \{.*\} -->\n$/);
    for (const file of [json, html]) {
      expect(statSync(join(world.folder, file)).mode & 0o777).toBe(0o600);
      expect(() => {
        world.requireNoKey(textOf(world, file));
      }).not.toThrow();
    }
  });

  it.each([
    [['r.txt'], 'expected a file name that ends in .json or .html'],
    [['report'], 'expected a file name that ends in .json or .html'],
    [['a.json', 'b.json'], 'a.json and b.json are both .json: keep one of them'],
    [['new.json', 'status.html'], 'the file status.html exists: name a new file'],
    [['none/r.json'], 'the file none/r.json cannot be made (ENOENT)'],
  ])('refuses the names %j before anything is done, and leaves no file', async (names, message) => {
    const before = readdirSync(world.folder);
    const flags = names.flatMap((name) => ['--report', name]);
    const { code, stdout, stderr } = await world.run(['key', 'new', ...flags]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(`error --report: ${message}`);
    expect(readdirSync(world.folder)).toEqual(before);
  });

  it('takes both names from its variable', async () => {
    const env = { ENCRYPT_MIGRATE_REPORT: 'v.json,v.html' };
    expect(await world.run(['status'], { env })).toMatchObject({ code: 0 });
    expect(textOf(world, 'v.html')).toContain(
      (JSON.parse(textOf(world, 'v.json')) as { seal: { sha256: string } }).seal.sha256,
    );
  });
});
