import { join } from 'node:path';
import { SqliteDekStore } from '@bytelyst/field-encrypt/sqlite';
import Database from 'libsql';
import { describe, expect, it } from 'vitest';
import { resultSchema } from '../../../command/modes/recovery-drill.js';
import { fingerprint } from '../../support/command-fingerprint.js';
import { describeWritingMode } from '../../support/command-mode-suite.js';
import { copyDeks, copyFile, execute, lostMekWorld } from '../../support/command-recovery.js';
import { reportIn } from '../../support/command-report.js';
import { noteOf, PRODUCT, type CommandWorld } from '../../support/command-world.js';
import { OTHER_PAIR } from '../../support/recovery-pairs.js';

const ARGS = ['--copy', 'drill', '--private-key', 'recovery.pem'];

/** The drill needs no MEK: its variables are not set. */
async function make(notes?: object): Promise<CommandWorld> {
  const dekStore = { type: 'sqlite', file: 'copy.sqlite', driver: 'libsql' };
  const copies = { drill: { dekStore, ...(notes && { collections: { notes } }) } };
  const world = await lostMekWorld({ notes: 4 }, (own) => ({ ...own, copies }));
  Object.assign(world.env, { NOTES_KEY: undefined, NOTES_PREVIOUS_KEYS: undefined });
  copyDeks(world);
  return world;
}

async function copiedRows({ folder }: CommandWorld): Promise<readonly Record<string, unknown>[]> {
  const database = new Database(join(folder, 'copy.sqlite'));
  const { items } = await new SqliteDekStore(database).list({ product: PRODUCT });
  database.close();
  return items.map(({ value }) => value as Record<string, unknown>);
}

async function deleteOne(world: CommandWorld): Promise<void> {
  const [row] = await copiedRows(world);
  execute(world, 'copy.sqlite', `DELETE FROM dek_store WHERE id = '${String(row?.['id'])}'`);
}

async function strip(world: CommandWorld): Promise<string> {
  const [row] = await copiedRows(world);
  const id = String(row?.['id']);
  const stripped = `json_remove(item, '$.recoveryWrap')`;
  execute(world, 'copy.sqlite', `UPDATE dek_store SET item = ${stripped} WHERE id = '${id}'`);
  return id;
}

describeWritingMode({
  mode: 'recovery-drill',
  schema: resultSchema,
  make,
  args: () => ARGS,
  question: ({ folder }) =>
    `This recovers 4 DEK rows of notelett in the copy drill, table dek_store of ${folder}/copy.sqlite, under a MEK that is thrown away in the end. Afterwards the recovery key alone opens the rows of the copy.`,
  expectDone: async (world) => {
    const rows = await copiedRows(world);
    expect(rows.map((row) => row['keyProvider'])).toEqual(Array(4).fill('drill'));
    // The rows in use, and the documents, are as they were.
    expect((await world.rows()).map((row) => row['mekVersion'])).toEqual(
      Array(4).fill(world.versions.old),
    );
    expect(await world.readNotes()).toEqual([0, 1, 2, 3].map(noteOf));
  },
  breakOne: strip,
  refuse: (world) => {
    world.write('recovery.pem', OTHER_PAIR.privateKey);
    return Promise.resolve({ message: OTHER_PAIR.id });
  },
  stop: { event: 'changed', count: 2 },
  files: ['copy.sqlite'],
});

describe('what recovery-drill reports', () => {
  it('recovers the copy, and opens documents that are in use: neither a MEK nor a vault is there', async () => {
    await using world = await make();
    const before = fingerprint(world);
    const outcome = await world.run(['recovery-drill', ...ARGS, '--yes', '--json']);
    expect(reportIn(outcome, resultSchema)).toMatchObject({
      exitCode: 0,
      result: {
        copy: 'drill',
        lost: [],
        runs: [{ summary: { recovered: 4, lost: 0, complete: true } }],
        samplesFrom: 'live',
        samples: [{ collection: 'notes', opened: 4, plaintext: 0, withoutDek: 0, failed: 0 }],
      },
      findings: [],
    });
    expect(fingerprint(world)).toBe(before);
  });

  it('says what is gone afterwards, and can be run on the same copy again', async () => {
    await using world = await make();
    for (let time = 0; time < 2; time += 1) {
      const { code, stdout } = await world.run([
        'recovery-drill',
        ...ARGS,
        '--yes',
        '--sample',
        '3',
      ]);
      expect(code).toBe(0);
      expect(stdout).toMatch(
        /Recovered 4 DEKs in \d+s, lost 0, opened 3 sample documents\.\nThe MEK of the drill is gone: the recovery key alone opens the rows of the copy now\. Remove the copy\.\n$/,
      );
    }
  });

  it('names what is lost, and documents that do not open', async () => {
    await using world = await make();
    const dekId = await strip(world);
    const outcome = await world.run(['recovery-drill', ...ARGS, '--yes', '--json']);
    expect(reportIn(outcome, resultSchema)).toMatchObject({
      exitCode: 1,
      result: {
        lost: [{ dekId, reason: 'no-recovery-wrap' }],
        samples: [{ opened: 3, failed: 1 }],
      },
      findings: [{ level: 'fail', check: 'lost-no-recovery-wrap' }],
    });
    expect(outcome.stderr).toContain('failed a sample document (its key: --document-keys): ');
    const named = await world.run(['recovery-drill', ...ARGS, '--yes', '--document-keys']);
    expect(named.stderr).toMatch(/failed \{"workspaceId":"w1","id":"n\d"\}: /);
  });

  it('warns of documents that are newer than the copy', async () => {
    await using world = await make();
    await deleteOne(world);
    const outcome = await world.run(['recovery-drill', ...ARGS, '--yes', '--json']);
    expect(reportIn(outcome, resultSchema)).toMatchObject({
      exitCode: 0,
      result: { samples: [{ opened: 3, withoutDek: 1, failed: 0 }] },
      findings: [
        {
          level: 'warn',
          check: 'samples',
          message: '1 sample document of notes has a DEK that is not in the copy',
        },
      ],
    });
  });

  it('opens documents of the copy where it has them: there, a missing DEK is a failure', async () => {
    const notes = { type: 'sqlite', file: 'notes-copy.sqlite', table: 'notes', driver: 'libsql' };
    await using world = await make(notes);
    copyFile(world, 'notes.sqlite', 'notes-copy.sqlite');
    execute(world, 'notes.sqlite', 'DELETE FROM notes');
    const args = ['recovery-drill', ...ARGS, '--yes', '--json'];
    expect(reportIn(await world.run(args), resultSchema)).toMatchObject({
      exitCode: 0,
      result: { samplesFrom: 'copy', samples: [{ opened: 4 }] },
    });
    await deleteOne(world);
    expect(reportIn(await world.run(args), resultSchema)).toMatchObject({
      exitCode: 1,
      result: { samplesFrom: 'copy', samples: [{ opened: 3, withoutDek: 1 }] },
    });
  });

  it('opens no document in a dry run', async () => {
    await using world = await make();
    const outcome = await world.run(['recovery-drill', ...ARGS, '--dry-run', '--json']);
    const { result } = reportIn(outcome, resultSchema);
    expect(result).toMatchObject({ samples: [], runs: [{ summary: { recovered: 4 } }] });
    expect(result).not.toHaveProperty('samplesFrom');
  });

  it('refuses the store in use', async () => {
    await using world = await lostMekWorld({ notes: 1 }, (own) => ({
      ...own,
      copies: { drill: { dekStore: { type: 'sqlite', file: './deks.sqlite', driver: 'libsql' } } },
    }));
    const { code, stderr } = await world.run(['recovery-drill', ...ARGS, '--yes']);
    expect(code).toBe(2);
    expect(stderr).toContain('products.notelett.copies.drill.dekStore: is the store in use');
  });
});
