import { expect } from 'vitest';
import { resultSchema } from '../../../command/modes/rollback.js';
import { damageRow, emptyDeks } from '../../support/command-damage.js';
import { describeWritingMode } from '../../support/command-mode-suite.js';
import { rotatedWorld } from '../../support/command-rotation.js';
import { noteOf } from '../../support/command-world.js';

describeWritingMode({
  mode: 'rollback',
  inFastLane: true,
  schema: resultSchema,
  make: () => rotatedWorld({ notes: 4 }),
  args: ({ versions }) => ['--to-mek-version', versions.old, '--verify-flips'],
  question: ({ versions }) =>
    `This brings 4 DEK rows of notelett back under the MEK version ${versions.old}.`,
  expectDone: async (world) => {
    const rows = await world.rows();
    expect(rows.map((row) => row['mekVersion'])).toEqual(Array(4).fill(world.versions.old));
    expect(await world.readNotes()).toEqual([0, 1, 2, 3].map(noteOf));
  },
  breakOne: damageRow,
  refuse: emptyDeks,
  stop: { event: 'changed', count: 2 },
  mistakes: [[[], '--to-mek-version is missing: the earlier MEK version to go back to']],
});
