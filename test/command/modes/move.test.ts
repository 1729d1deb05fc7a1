import { join } from 'node:path';
import { defineDocument } from '@bytelyst/field-encrypt';
import { SqliteDocumentStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';
import { describe, expect, it } from 'vitest';
import { resultSchema } from '../../../command/modes/move.js';
import { damageNote, holdLease, tamperBody } from '../../support/command-damage.js';
import { describeWritingMode } from '../../support/command-mode-suite.js';
import { ofProduct } from '../../support/command-recovery.js';
import { CommandWorld, noteOf, type Note } from '../../support/command-world.js';

const entry = defineDocument<Note>()({
  collection: 'entries',
  key: ['workspaceId', 'id'],
  fields: ['body', 'tags[]'],
});
const ARGS = ['--from-collection', 'notes', '--to-collection', 'entries'];

/** Both collections are in one table. */
function make(): Promise<CommandWorld> {
  const config = ofProduct((own) => {
    const { notes } = own.collections;
    return { ...own, collections: { notes, entries: notes } };
  });
  return CommandWorld.make({ notes: 4, config });
}

async function states(world: CommandWorld): Promise<readonly unknown[]> {
  return (await world.rows()).map(({ state }) => state).sort();
}

describeWritingMode({
  mode: 'move',
  schema: resultSchema,
  make,
  args: () => ARGS,
  question: () =>
    'This moves 4 documents of notes to entries. Then it shreds their old DEKs: what backups hold of them can never be read again.',
  expectDone: async (world) => {
    const { items } = await world.notes.list();
    const reader = world.reader();
    const opened = await Promise.all(
      items.map(({ document }) => reader.decryptDocument(entry, document as never)),
    );
    expect(opened).toEqual([0, 1, 2, 3].map(noteOf));
    expect(await states(world)).toEqual([
      ...Array<string>(4).fill('active'),
      ...Array<string>(4).fill('shredded'),
    ]);
  },
  breakOne: (world) => damageNote(world, tamperBody),
  refuse: holdLease,
  stop: { event: 'changed', count: 2 },
  mistakes: [
    [
      ['--from-collection', 'notes', '--to-collection', 'notes'],
      '--from-collection and --to-collection are the same: a moved document needs another collection name, and the table may stay the same',
    ],
    [
      ['--from-collection', 'notes', '--to-collection', 'entry'],
      'products.notelett has no collection "entry": it has notes, entries',
    ],
  ],
});

describe('what move takes', () => {
  it('retires the old DEKs with --keep-deks, and a later move shreds them', async () => {
    await using world = await make();
    const asked = await world.run(['move', ...ARGS, '--keep-deks']);
    expect(asked.stderr).toContain('error This moves 4 documents of notes to entries. This asks');
    expect(await world.run(['move', ...ARGS, '--keep-deks', '--yes'])).toMatchObject({ code: 0 });
    expect(await states(world)).toContain('retired');
    expect(await world.run(['move', ...ARGS, '--yes'])).toMatchObject({ code: 0 });
    expect(await states(world)).not.toContain('retired');
  });

  it('gives documents another key and shape by the function of a configuration in code', async () => {
    await using world = await make();
    world.write(
      'moving.mjs',
      `import { readFileSync } from 'node:fs';
      const config = JSON.parse(readFileSync('encrypt-migrate.config.json', 'utf8'));
      const { collections } = config.products.notelett;
      const { notes } = collections;
      collections.pages = {
        definition: { key: ['id'], fields: ['text'] },
        documentStore: { ...notes.documentStore, table: 'pages' },
        move: ({ id, body }) => ({ id: 'p-' + id, text: body }),
      };
      delete collections.entries;
      export default config;`,
    );
    const args = [
      '--config',
      'moving.mjs',
      '--from-collection',
      'notes',
      '--to-collection',
      'pages',
    ];
    expect(await world.run(['move', ...args, '--yes'])).toMatchObject({ code: 0 });
    const page = defineDocument<{ id: string; text: string }>()({
      collection: 'pages',
      key: ['id'],
      fields: ['text'],
    });
    const database = new Database(join(world.folder, 'notes.sqlite'));
    const store = new SqliteDocumentStore<never>(database, { table: 'pages', key: page.key });
    const { items } = await store.list();
    database.close();
    const reader = world.reader();
    const opened = await Promise.all(
      items.map(({ document }) => reader.decryptDocument(page, document)),
    );
    expect(opened).toContainEqual({ id: 'p-n0', text: 'the private body of n0' });
    expect(opened).toHaveLength(4);
    expect((await world.notes.list()).items).toEqual([]);
  });
});
