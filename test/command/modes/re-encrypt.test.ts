import { describe, expect, it } from 'vitest';
import { resultSchema } from '../../../command/modes/re-encrypt.js';
import { damageNote, emptyDeks, tamperBody } from '../../support/command-damage.js';
import { execute } from '../../support/command-recovery.js';
import { reportIn } from '../../support/command-report.js';
import { describeWritingMode } from '../../support/command-mode-suite.js';
import { CommandWorld, noteOf } from '../../support/command-world.js';

/** Every DEK that exists when the first run begins counts as older. */
const LONG_AGO = '2026-01-01T01:00:00+01:00';

describeWritingMode({
  mode: 're-encrypt',
  inFastLane: true,
  schema: resultSchema,
  make: () => CommandWorld.make({ notes: 3 }),
  args: () => ['--created-before', LONG_AGO],
  question: () =>
    'This gives a fresh DEK to 3 documents of notes: the re-encryption of 2026-01-01T00:00:00.000Z begins, or continues. Every DEK that existed when it began is replaced.',
  expectDone: async (world) => {
    const states = (await world.rows()).map(({ state }) => state);
    expect(states.sort()).toEqual(['active', 'active', 'active', 'retired', 'retired', 'retired']);
    expect(await world.readNotes()).toEqual([0, 1, 2].map(noteOf));
  },
  breakOne: (world) => damageNote(world, tamperBody),
  refuse: emptyDeks,
  stop: { event: 'changed', count: 2 },
  mistakes: [
    [[], 'Pass --older-than or --created-before'],
    [
      ['--older-than', '90d', '--created-before', LONG_AGO],
      '--created-before and --older-than are both passed: keep one of them',
    ],
    [
      ['--older-than', '90'],
      '--older-than: expected a number and a unit, for example 90m, 24h or 30d',
    ],
  ],
});

describe('re-encrypt --older-than', () => {
  it('leaves a collection as it is whose DEKs are all younger', async () => {
    await using world = await CommandWorld.make({ notes: 2, plainNotes: 1 });
    const before = await world.rows();
    const outcome = await world.run(['re-encrypt', '--older-than', '1h', '--yes', '--json']);
    const { exitCode, result, moments } = reportIn(outcome, resultSchema);
    expect({ exitCode, result }).toEqual({ exitCode: 0, result: { runs: [] } });
    const instant = moments?.['created-before'] ?? '';
    expect(outcome.stderr).toContain(`notes: no DEK was created before ${instant}\n`);
    expect(await world.rows()).toEqual(before);
  });

  it('is refused where the DEKs are not in the store at all', async () => {
    await using world = await CommandWorld.make({ notes: 2 });
    const { message } = await emptyDeks(world);
    const { code, stderr } = await world.run(['re-encrypt', '--older-than', '1h', '--yes']);
    expect(code).toBe(3);
    expect(stderr).toContain(message);
  });

  it('replaces every DEK of a collection that has an older one', async () => {
    await using world = await CommandWorld.make({ notes: 2 });
    const [row] = await world.rows();
    const set = `json_set(item, '$.createdAt', '2026-01-01T00:00:00.000Z')`;
    const where = `id = '${String(row?.['id'])}'`;
    execute(world, 'deks.sqlite', `UPDATE dek_store SET item = ${set} WHERE ${where}`);
    const outcome = await world.run(['re-encrypt', '--older-than', '1h', '--yes', '--json']);
    expect(reportIn(outcome, resultSchema)).toMatchObject({
      exitCode: 0,
      result: { runs: [{ label: 'notes', summary: { changed: 2, retired: 2 } }] },
    });
  });
});
