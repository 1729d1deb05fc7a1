import { expect } from 'vitest';
import { resultSchema } from '../../../command/modes/encrypt.js';
import { damageNote, holdLease } from '../../support/command-damage.js';
import { describeWritingMode } from '../../support/command-mode-suite.js';
import { CommandWorld, noteOf } from '../../support/command-world.js';

describeWritingMode({
  mode: 'encrypt',
  schema: resultSchema,
  make: () => CommandWorld.make({ notes: 2, plainNotes: 4 }),
  args: () => ['--collection', 'notes'],
  question: () => 'This encrypts what is plaintext in 6 documents of notes.',
  expectDone: async (world) => {
    const { items } = await world.notes.list();
    for (const { document } of items) expect(document.body).toHaveProperty('_enc');
    expect(await world.readNotes()).toEqual([0, 1, 2, 3, 4, 5].map(noteOf));
  },
  breakOne: (world) => damageNote(world, (note) => ({ ...note, tags: 'a, b' })),
  refuse: holdLease,
  stop: { event: 'changed', count: 2 },
  mistakes: [[['--stage', 'closing'], '--stage: expected opening']],
});
