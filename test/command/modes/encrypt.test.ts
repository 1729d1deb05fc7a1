import { expect, it } from 'vitest';
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

it('refuses a table that the file does not have: a misspelt one would count as done', async () => {
  await using world = await CommandWorld.make({
    notes: 2,
    config: (config) => {
      const { notes } = config.products.notelett.collections;
      notes.documentStore.table = 'tabel';
      return config;
    },
  });
  for (const mode of ['encrypt', 'status', 'preflight']) {
    const flags = mode === 'preflight' ? ['--new-mek-version', world.versions.new] : [];
    const yes = mode === 'encrypt' ? ['--yes'] : [];
    const outcome = await world.run([mode, ...flags, ...yes]);
    expect(outcome.stdout + outcome.stderr).toContain(
      'products.notelett.collections.notes.documentStore.table: the file has no table tabel: correct the name; the application creates the table with its first document',
    );
  }
  const encrypt = await world.run(['encrypt', '--yes']);
  expect(encrypt).toMatchObject({ code: 2 });
});

it('warns of a declared path that no document has', async () => {
  await using world = await CommandWorld.make({
    plainNotes: 100,
    config: (config) => {
      config.products.notelett.collections.notes.definition.fields = ['titel'];
      return config;
    },
  });
  const outcome = await world.run(['encrypt', '--yes', '--allow-empty']);
  expect(outcome).toMatchObject({ code: 0 });
  expect(outcome.stdout).toContain('paths-never-seen: No document of notes has titel');
});
