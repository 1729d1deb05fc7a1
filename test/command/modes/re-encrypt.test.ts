import { expect } from 'vitest';
import { resultSchema } from '../../../command/modes/re-encrypt.js';
import { damageNote, emptyDeks, tamperBody } from '../../support/command-damage.js';
import { describeWritingMode } from '../../support/command-mode-suite.js';
import { CommandWorld, noteOf } from '../../support/command-world.js';

/** Every DEK that exists when the first run begins counts as older. */
const LONG_AGO = '2026-01-01T01:00:00+01:00';

describeWritingMode({
  mode: 're-encrypt',
  schema: resultSchema,
  make: () => CommandWorld.make({ notes: 3 }),
  args: () => ['--created-before', LONG_AGO],
  question: () =>
    'This gives a fresh DEK to every document whose DEK was created before 2026-01-01T00:00:00.000Z, in 3 documents of notes.',
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
