import { expect } from 'vitest';
import { resultSchema } from '../../../command/modes/remove-encryption.js';
import { damageNote, emptyDeks, tamperBody } from '../../support/command-damage.js';
import { describeWritingMode } from '../../support/command-mode-suite.js';
import { CommandWorld, noteOf } from '../../support/command-world.js';

describeWritingMode({
  mode: 'remove-encryption',
  schema: resultSchema,
  make: () => CommandWorld.make({ notes: 4 }),
  args: () => [],
  question: () =>
    'This stores every field in clear, in 4 documents of notes. First every process has to run with FIELD_ENCRYPT_ENABLED=false: others encrypt again what they write.',
  expectDone: async (world) => {
    const { items } = await world.notes.list();
    expect(items.map(({ document }) => document)).toEqual([0, 1, 2, 3].map(noteOf));
  },
  breakOne: (world) => damageNote(world, tamperBody),
  refuse: emptyDeks,
  stop: { event: 'changed', count: 2 },
});
