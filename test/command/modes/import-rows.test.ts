import { describe, expect, it } from 'vitest';
import { resultSchema } from '../../../command/modes/import-rows.js';
import { fingerprint } from '../../support/command-fingerprint.js';
import { describeWritingMode } from '../../support/command-mode-suite.js';
import { copyDeks, execute, ofProduct } from '../../support/command-recovery.js';
import { reportIn } from '../../support/command-report.js';
import { CommandWorld, noteDefinition, noteOf } from '../../support/command-world.js';

const COPY = { dekStore: { type: 'sqlite', file: 'copy.sqlite', driver: 'libsql' } };

/** The copy has four rows, of which the store lost the three that come last. */
async function make(): Promise<CommandWorld> {
  const config = ofProduct((own) => ({ ...own, copies: { restored: COPY } }));
  const world = await CommandWorld.make({ notes: 4, config });
  copyDeks(world);
  const [kept] = await dekIds(world);
  execute(
    world,
    'deks.sqlite',
    `DELETE FROM dek_store WHERE type = 'dek' AND id <> '${kept ?? ''}'`,
  );
  return world;
}

async function dekIds(world: CommandWorld): Promise<readonly string[]> {
  return (await world.rows()).map((row) => String(row['id']));
}

describeWritingMode({
  mode: 'import-rows',
  schema: resultSchema,
  make,
  args: () => ['--from', 'restored'],
  question: ({ folder }) =>
    `This imports every row that the store does not have from the copy restored, table dek_store of ${folder}/copy.sqlite, into the store of notelett. Nothing that is in the store is written over.`,
  expectDone: async (world) => {
    expect(await world.rows()).toHaveLength(4);
    expect(await world.readNotes()).toEqual([0, 1, 2, 3].map(noteOf));
  },
  breakOne: async (world) => {
    const kept = await dekIds(world);
    const [lost] = [...(await notesDekIds(world))].filter((id) => !kept.includes(id));
    const broken = `json_set(item, '$.epoch', 0)`;
    execute(
      world,
      'copy.sqlite',
      `UPDATE dek_store SET item = ${broken} WHERE id = '${lost ?? ''}'`,
    );
    return lost ?? '';
  },
  refuse: (world) => {
    execute(world, 'deks.sqlite', `DELETE FROM dek_store WHERE type = 'rotation'`);
    return Promise.resolve({ message: 'rotation record' });
  },
  stop: { event: 'changed', count: 2 },
  mistakes: [
    [[], '--from is missing: the copy of the configuration to read'],
    [['--from', 'restore'], 'products.notelett has no copy "restore": did you mean restored?'],
  ],
});

async function notesDekIds(world: CommandWorld): Promise<readonly string[]> {
  const { items } = await world.notes.list();
  return items.map(({ document }) => (document.body as unknown as { dekId: string }).dekId);
}

describe('the rows that import-rows takes', () => {
  it('imports those alone that --dek-id and --scope name, and never writes to the copy', async () => {
    await using world = await make();
    const kept = await dekIds(world);
    const [first = '', second = ''] = (await notesDekIds(world)).filter((id) => !kept.includes(id));
    const before = fingerprint(world, ['copy.sqlite']).split('\n')[2];
    const args = [
      'import-rows',
      '--from',
      'restored',
      '--dek-id',
      first,
      '--scope',
      second.slice(0, 32),
    ];
    expect((await world.run(args)).stderr).toContain(
      'This imports 1 row and every row of 1 scope from',
    );
    const report = reportIn(await world.run([...args, '--yes', '--json']), resultSchema);
    expect(report.result).toMatchObject({ runs: [{ summary: { changed: 2 } }] });
    expect(new Set(await dekIds(world))).toEqual(new Set([...kept, first, second]));
    expect(fingerprint(world, ['copy.sqlite']).split('\n')[2]).toBe(before);
  });

  it('says of what it skips what the store already has', async () => {
    await using world = await make();
    const kept = await dekIds(world);
    const tombstoned = (await notesDekIds(world)).find((id) => !kept.includes(id)) ?? '';
    await world.run(['import-rows', '--from', 'restored', '--dek-id', tombstoned, '--yes']);
    const shredded = await shred(world, tombstoned);
    const outcome = await world.run(['import-rows', '--from', 'restored', '--yes', '--json']);
    const { result, findings } = reportIn(outcome, resultSchema);
    expect(result).toMatchObject({
      skipped: { present: 1, shredded: 1, 'other-dek': 0, unreadable: 0 },
      runs: [{ summary: { changed: 2, skipped: 2 } }],
    });
    expect(outcome.stderr).toContain(`skipped ${shredded}: shredded\n`);
    expect(findings).toEqual([
      {
        level: 'warn',
        check: 'shredded',
        message: 'Skipped 1 row of the copy: shredded in the store, or a later generation was',
        action: 'Name a row by --dek-id to import it nevertheless, unless it was shredded itself',
      },
    ]);
  });

  it('refuses a copy that is the store itself', async () => {
    const same = { dekStore: { ...COPY.dekStore, file: 'deks.sqlite' } };
    const config = ofProduct((own) => ({ ...own, copies: { restored: same } }));
    await using world = await CommandWorld.make({ notes: 1, config });
    const { code, stderr } = await world.run(['import-rows', '--from', 'restored', '--yes']);
    expect(code).toBe(2);
    expect(stderr).toContain('products.notelett.copies.restored.dekStore: is the store in use');
  });
});

/** As the application shreds the document of the DEK. */
async function shred(world: CommandWorld, dekId: string): Promise<string> {
  const { items } = await world.notes.list();
  const owner = items.find(
    ({ document }) => (document.body as unknown as { dekId: string }).dekId === dekId,
  );
  const { workspaceId = '', id = '' } = owner?.document ?? {};
  await world.reader().shred(noteDefinition, { workspaceId, id });
  return dekId;
}
