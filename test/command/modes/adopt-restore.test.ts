import { readRecords } from '@bytelyst/field-encrypt';
import { describe, expect, it } from 'vitest';
import { resultSchema } from '../../../command/modes/adopt-restore.js';
import { damageRow, emptyDeks } from '../../support/command-damage.js';
import { describeWritingMode } from '../../support/command-mode-suite.js';
import { copyDeks, execute, ofProduct } from '../../support/command-recovery.js';
import { reportIn } from '../../support/command-report.js';
import { CommandWorld, noteDefinition, noteOf, type Note } from '../../support/command-world.js';

const ARGS = ['--epoch-seen', '7', '--check-documents', '--shred-again', 'shredded.txt'];
const COPY = { dekStore: { type: 'sqlite', file: 'copy.sqlite', driver: 'libsql' } };

/** After a backup the first of four notes was shredded and deleted; then the backup was restored. */
async function make(): Promise<CommandWorld> {
  const config = ofProduct((own) => ({ ...own, copies: { other: COPY } }));
  const world = await CommandWorld.make({ notes: 4, config });
  copyDeks(world);
  const key = { workspaceId: 'w1', id: 'n0' };
  const { shredded } = await world.reader().shred(noteDefinition, key);
  const item = await world.notes.get(key);
  await world.notes.delete(key, item?.etag ?? '');
  world.write('shredded.txt', `${shredded.join('\n')}\n\n`);
  world.write('none.txt', '\n');
  world.write('wrong.txt', `${shredded.join('\n')}\nn1\n`);
  restore(world);
  return world;
}

function restore(world: CommandWorld): void {
  execute(
    world,
    'deks.sqlite',
    `ATTACH '${world.folder}/copy.sqlite' AS copy; DELETE FROM dek_store; INSERT INTO dek_store SELECT * FROM copy.dek_store`,
  );
}

describeWritingMode({
  mode: 'adopt-restore',
  schema: resultSchema,
  make,
  args: () => ARGS,
  question: () =>
    'This raises the epoch of the rotation record above that of 4 DEK rows of notelett, after it read 3 documents of notes. It shreds what 1 listed id names. Every writer has to be stopped.',
  expectDone: async (world) => {
    const { rotation } = await readRecords(world.reader());
    expect(rotation).toMatchObject({ epoch: 8, state: 'fencing' });
    const states = (await world.rows()).map(({ state }) => state).sort();
    expect(states).toEqual(['active', 'active', 'active', 'shredded']);
  },
  breakOne: async (world) => {
    await world.dekStore.count({ product: 'notelett' });
    return damageRow(world);
  },
  refuse: emptyDeks,
  stop: { event: 'fence' },
  next: [
    {
      why: 'To finish the rotation, after the writers were started; then pin minimumEpoch 8',
      command: expect.stringMatching(
        /^encrypt-migrate rewrap-deks --new-mek-version env-[0-9a-f]{16}$/,
      ) as string,
    },
  ],
  mistakes: [
    [
      ['--key-provider', 'env'],
      '--key-provider belongs to --new-mek-version: pass the version too, or leave it out',
    ],
    [['--shred-again', 'gone.txt'], '--shred-again: the file gone.txt cannot be read (ENOENT)'],
    [
      ['--shred-again', 'none.txt'],
      '--shred-again: the file none.txt names no id: leave the flag out',
    ],
    [
      ['--shred-again', 'wrong.txt'],
      '--shred-again: line 2 of wrong.txt is no dekId and no scopeId',
    ],
    [['--epoch-seen', '-1'], '--epoch-seen: expected a whole number from 0 to 1000000000'],
  ],
});

describe('what adopt-restore reports', () => {
  it('exits with 3 where documents lost their DEK, and prints the import that may bring it back', async () => {
    await using world = await make();
    const sealed = await world.reader().encryptDocument(noteDefinition, noteOf(4));
    await world.notes.create(sealed as unknown as Note);
    restore(world);
    const { dekId } = sealed.body;
    const dry = await world.run(['adopt-restore', ...ARGS, '--dry-run', '--json']);
    const report = reportIn(dry, resultSchema);
    expect(report).toMatchObject({
      exitCode: 3,
      result: {
        missingDeks: [dekId],
        runs: [{ summary: { documents: 4, documentsWithoutDek: 1 } }],
      },
      findings: [{ level: 'fail', check: 'dek-missing' }],
      next: [
        {
          why: 'To look for the missing rows',
          command: `encrypt-migrate import-rows --dry-run --from other --dek-id ${dekId}`,
        },
        { why: 'To do it' },
      ],
    });
    expect(dry.stderr).toContain(`dek-missing ${dekId}: a document of notes\n`);
    expect(dry.stdout + dry.stderr).not.toContain('n4');
    const named = await world.run(['adopt-restore', ...ARGS, '--dry-run', '--document-keys']);
    expect(named.stderr).toContain(`${dekId}: notes {"workspaceId":"w1","id":"n4"}\n`);
  });

  it('says that it cannot see lost rows where it reads no document', async () => {
    await using world = await make();
    const args = ['adopt-restore', '--epoch-seen', '3', '--yes', '--json'];
    const { findings, result } = reportIn(await world.run(args), resultSchema);
    expect(result).toMatchObject({ runs: [{ summary: { epoch: 4, documents: 0 } }] });
    expect(findings).toEqual([
      {
        level: 'unseen',
        check: 'documents',
        message: 'No document was read: rows that the backup does not have are not known',
        action: 'Run it with --check-documents',
      },
    ]);
  });

  it('reads the documents of --collection alone', async () => {
    await using world = await make();
    const args = ['adopt-restore', '--collection', 'notes', '--dry-run', '--json'];
    const { findings, result } = reportIn(await world.run(args), resultSchema);
    expect(result).toMatchObject({ runs: [{ summary: { documents: 3 } }] });
    expect(findings).toEqual([]);
  });

  it('takes the MEK version that the restored record does not know yet', async () => {
    await using world = await make();
    const { new: target } = world.versions;
    const args = ['adopt-restore', '--new-mek-version', target, '--yes'];
    const outcome = await world.run(args);
    expect(outcome.code).toBe(0);
    expect(outcome.stderr).toContain(`encrypt-migrate rewrap-deks --new-mek-version ${target}\n`);
    expect((await readRecords(world.reader())).rotation).toMatchObject({ mekVersion: target });
  });
});
