import { expect } from 'vitest';
import { resultSchema } from '../../../command/modes/prune.js';
import { damageRow, emptyDeks } from '../../support/command-damage.js';
import { describeWritingMode } from '../../support/command-mode-suite.js';
import { rotatedWorld } from '../../support/command-rotation.js';
import { noteOf } from '../../support/command-world.js';

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
    [[], 'Pass --soak or --rewrapped-before, or set "retention.soak" in the configuration'],
    [
      ['--soak', '1h', '--rewrapped-before', '2026-01-01T00:00:00Z'],
      '--rewrapped-before and --soak are both passed: keep one of them',
    ],
  ],
});
