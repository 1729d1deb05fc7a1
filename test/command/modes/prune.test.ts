import { describe, expect, it } from 'vitest';
import { resultSchema } from '../../../command/modes/prune.js';
import { damageRow, emptyDeks } from '../../support/command-damage.js';
import { describeWritingMode } from '../../support/command-mode-suite.js';
import { ofProduct } from '../../support/command-recovery.js';
import { reportIn } from '../../support/command-report.js';
import { rotatedWorld } from '../../support/command-rotation.js';
import { printedCommands, stopAt } from '../../support/command-stop.js';
import { noteOf, type CommandWorld } from '../../support/command-world.js';

let rewrappedBefore = '';

describeWritingMode({
  mode: 'prune',
  schema: resultSchema,
  make: async () => {
    const world = await rotatedWorld({ notes: 4 });
    rewrappedBefore = new Date().toISOString();
    return world;
  },
  args: () => ['--rewrapped-before', rewrappedBefore],
  question: () =>
    `This removes the earlier wraps of rows that were rewrapped before ${rewrappedBefore}, from 4 DEK rows of notelett. Afterwards a rollback needs the key service, and the earlier MEK version opens nothing.`,
  expectDone: async (world) => {
    for (const row of await world.rows()) expect(row).not.toHaveProperty('previousWrap');
    expect(await world.readNotes()).toEqual([0, 1, 2, 3].map(noteOf));
  },
  breakOne: damageRow,
  refuse: emptyDeks,
  stop: { event: 'changed', count: 2 },
  mistakes: [
    [
      ['--soak', '1h', '--mek-version', 'v1', '--key-provider', 'env/env', '--mek-name', 'other'],
      '--key-provider names another MEK than --mek-name: leave one of them out',
    ],
    [
      ['--soak', '1h', '--key-provider', 'env'],
      '--key-provider belongs to --mek-version: pass the version too, or leave it out',
    ],
    [[], 'Pass --soak or --rewrapped-before, or set "retention.soak" in the configuration'],
    [
      ['--soak', '1h', '--rewrapped-before', '2026-01-01T00:00:00Z'],
      '--rewrapped-before and --soak are both passed: keep one of them',
    ],
  ],
});

describe('the moment of prune', () => {
  const previousWraps = async (world: CommandWorld): Promise<number> =>
    (await world.rows()).filter((row) => 'previousWrap' in row).length;

  it('is the soak of the configuration before now, where no flag names it', async () => {
    const config = ofProduct((own) => ({ ...own, retention: { soak: '24h' } }));
    await using world = await rotatedWorld({ notes: 2, config });
    const report = reportIn(await world.run(['prune', '--yes', '--json']), resultSchema);
    expect(report).toMatchObject({ exitCode: 0, result: { runs: [{ summary: { skipped: 2 } }] } });
    const soakMs =
      Date.parse(report.startedAt) - Date.parse(report.moments?.['rewrapped-before'] ?? '');
    expect(Math.round(soakMs / 60_000)).toBe(24 * 60);
    expect(await previousWraps(world)).toBe(2);
  });

  it('is that of --soak before the first command, in the command that resumes', async () => {
    await using world = await rotatedWorld({ notes: 3 });
    const env = stopAt(world, { event: 'changed' });
    const args = ['prune', '--soak', '1ms', '--concurrency', '1', '--yes', '--json'];
    const stopped = await world.run(args, { env });
    const { moments, next } = reportIn(stopped, resultSchema);
    const instant = moments?.['rewrapped-before'] ?? '';
    const command = `encrypt-migrate prune --yes --concurrency 1 --rewrapped-before ${instant}`;
    expect(next).toEqual([{ why: 'To resume', command }]);
    expect(stopped.stderr).toContain(`--rewrapped-before is ${instant}\n`);
    expect(printedCommands(stopped)).toEqual([command]);
  });

  it('takes only the wraps of --mek-version', async () => {
    await using world = await rotatedWorld({ notes: 2 });
    const { old, new: current } = world.versions;
    const args = ['prune', '--rewrapped-before', new Date().toISOString(), '--yes'];
    expect(await world.run([...args, '--mek-version', current])).toMatchObject({ code: 0 });
    expect(await previousWraps(world)).toBe(2);
    expect(await world.run([...args, '--mek-version', old])).toMatchObject({ code: 0 });
    expect(await previousWraps(world)).toBe(0);
    expect(await world.run([...args, '--mek-version', 'env-0'])).toMatchObject({ code: 2 });
  });
});
