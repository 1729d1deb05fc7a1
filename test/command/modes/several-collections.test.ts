import { join } from 'node:path';
import { defineDocument } from '@bytelyst/field-encrypt';
import { SqliteDocumentStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resultSchema } from '../../../command/modes/re-encrypt.js';
import { damageNote, holdLease } from '../../support/command-damage.js';
import { reportIn } from '../../support/command-report.js';
import { printedCommands, runPrinted, stopAt } from '../../support/command-stop.js';
import { CommandWorld } from '../../support/command-world.js';

const page = defineDocument<{ id: string; text: string }>()({
  collection: 'pages',
  key: ['id'],
  fields: ['text'],
});

let world: CommandWorld;
let database: Database.Database;
let pages: SqliteDocumentStore<{ id: string; text: unknown }>;

/** Collections are worked on in the order of the configuration: first the pages, then the notes. */
beforeEach(async () => {
  world = await CommandWorld.make({
    plainNotes: 4,
    config: ({ products: { notelett } }) => {
      const { key, fields, collection } = page;
      const { notes } = notelett.collections;
      const documentStore = { ...notes.documentStore, table: collection };
      const collections = { pages: { definition: { key, fields }, documentStore }, notes };
      return { products: { notelett: { ...notelett, collections } } };
    },
  });
  database = new Database(join(world.folder, 'notes.sqlite'));
  pages = new SqliteDocumentStore(database, { table: 'pages', key: page.key });
  for (const id of ['p1', 'p2', 'p3']) await pages.create({ id, text: `text of ${id}` });
});

afterEach(async () => {
  database.close();
  await world[Symbol.asyncDispose]();
});

async function sealed(): Promise<{ pages: number; notes: number }> {
  const [ofPages, ofNotes] = [(await pages.list()).items, (await world.notes.list()).items];
  const isSealed = (value: unknown): boolean => typeof value === 'object';
  return {
    pages: ofPages.filter(({ document }) => isSealed(document.text)).length,
    notes: ofNotes.filter(({ document }) => isSealed(document.body)).length,
  };
}

describe('a mode over several collections', () => {
  it('works on all of them, and asks once with the figures of each', async () => {
    const asked = await world.run(['encrypt']);
    expect(asked.stderr).toContain('in 3 documents of pages and 4 documents of notes. This asks');
    expect(await world.run(['encrypt', '--yes'])).toMatchObject({ code: 0 });
    expect(await sealed()).toEqual({ pages: 3, notes: 4 });
  });

  it('works on those alone that --collection names', async () => {
    const args = ['encrypt', '--yes', '--collection', 'pages', '--collection', 'pages'];
    const { result } = reportIn(await world.run([...args, '--json']), resultSchema);
    expect(result).toMatchObject({ runs: [{ label: 'pages', summary: { changed: 3 } }] });
    expect(await sealed()).toEqual({ pages: 3, notes: 0 });
  });

  it('is stopped in the second, and the printed command finishes what is left', async () => {
    const env = stopAt(world, { event: 'changed', count: 2, collection: 'notes' });
    const stopped = await world.run(['encrypt', '--yes', '--concurrency', '1'], { env });
    expect(stopped.code).toBe(130);
    expect(stopped.stdout).toContain('pages: complete');
    expect(stopped.stdout).toContain('notes: interrupted');
    const before = await sealed();
    expect(before.notes).toBeLessThan(4);
    const [command = ''] = printedCommands(stopped);
    expect(command).toBe('encrypt-migrate encrypt --yes --concurrency 1 --collection notes');
    expect(await runPrinted(world, command)).toMatchObject({ code: 0 });
    expect(await sealed()).toEqual({ pages: 3, notes: 4 });
  });

  it('is stopped in the first: the others are not begun, and the printed command is the whole one', async () => {
    const env = stopAt(world, { event: 'changed', collection: 'pages' });
    const stopped = await world.run(['encrypt', '--yes', '--concurrency', '1'], { env });
    expect(stopped.code).toBe(130);
    expect(await sealed()).toMatchObject({ notes: 0 });
    expect(printedCommands(stopped)).toEqual(['encrypt-migrate encrypt --yes --concurrency 1']);
  });

  it('is stopped after the last event of the first: the others are not begun', async () => {
    const env = stopAt(world, { event: 'finished', collection: 'pages' });
    const stopped = await world.run(['encrypt', '--yes'], { env });
    expect(stopped.code).toBe(130);
    expect(stopped.stdout).toContain('pages: complete');
    expect(printedCommands(stopped)).toEqual(['encrypt-migrate encrypt --yes --collection notes']);
    expect(await sealed()).toEqual({ pages: 3, notes: 0 });
  });

  it('reports what was done before a refusal, exits with 3, and prints the command for what is left', async () => {
    const { end } = await holdLease(world);
    const refused = await world.run(['encrypt', '--yes', '--json']);
    await end?.();
    expect(refused.code).toBe(3);
    const report = reportIn(refused, resultSchema);
    expect(report).toMatchObject({
      outcome: 'findings',
      result: { runs: [{ label: 'pages', summary: { complete: true } }] },
      error: { code: 'MIGRATION_UNDER_WAY' },
      next: [{ command: 'encrypt-migrate encrypt --yes --collection notes' }],
    });
    expect(await sealed()).toEqual({ pages: 3, notes: 0 });
  });

  it('fails where a document of the first failed and the second was refused', async () => {
    await pages.create({ id: 'p4', text: { _enc: 1 } });
    const { end } = await holdLease(world);
    const refused = await world.run(['encrypt', '--yes']);
    await end?.();
    expect(refused.code).toBe(1);
    expect(printedCommands(refused)).toEqual(['encrypt-migrate encrypt --yes']);
  });

  it('names after failures the collections that are left', async () => {
    await damageNote(world, (note) => ({ ...note, tags: 'a, b' }));
    const failed = await world.run(['encrypt', '--yes']);
    expect(failed.code).toBe(1);
    expect(printedCommands(failed)).toEqual(['encrypt-migrate encrypt --yes --collection notes']);
    expect(await sealed()).toEqual({ pages: 3, notes: 3 });
  });

  it('re-encrypts what is left under the instant that the first command worked out', async () => {
    await world.run(['encrypt', '--yes']);
    const env = stopAt(world, { event: 'changed', count: 2, collection: 'notes' });
    const args = ['re-encrypt', '--older-than', '1ms', '--shred', '--yes', '--concurrency', '1'];
    const stopped = await world.run([...args, '--json'], { env });
    expect(stopped.code).toBe(130);
    const { moments, next } = reportIn(stopped, resultSchema);
    const instant = moments?.['created-before'] ?? '';
    const [{ command } = { command: '' }] = next;
    expect(stopped.stderr).toContain(`--created-before is ${instant}\n`);
    expect(command).toBe(
      `encrypt-migrate re-encrypt --yes --concurrency 1 --collection notes --created-before ${instant} --shred`,
    );
    expect(await runPrinted(world, command)).toMatchObject({ code: 0 });
    const states = (await world.rows()).map(({ state }) => state).sort();
    expect(states).toEqual([
      ...Array<string>(7).fill('active'),
      ...Array<string>(7).fill('shredded'),
    ]);
  });

  it('takes an instant in the command line rather than a duration in a variable', async () => {
    await world.run(['encrypt', '--yes']);
    const env = { ENCRYPT_MIGRATE_OLDER_THAN: '90d' };
    const args = ['re-encrypt', '--created-before', '2026-01-01T00:00:00Z', '--yes', '--json'];
    expect(reportIn(await world.run(args, { env }), resultSchema)).toMatchObject({
      exitCode: 0,
      moments: { 'created-before': '2026-01-01T00:00:00.000Z' },
    });
  });

  it('is refused without collections', async () => {
    world.write(
      'none.json',
      JSON.stringify({
        products: {
          notelett: {
            providers: [{ type: 'env', key: { env: 'NOTES_KEY' } }],
            dekStore: { type: 'sqlite', file: 'deks.sqlite', driver: 'libsql' },
          },
        },
      }),
    );
    const { code, stderr } = await world.run(['encrypt', '--config', 'none.json', '--yes']);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr:
        'error The configuration of notelett has no collections, and encrypt works on their documents: add "collections"\n',
    });
  });
});
