import { createPrivateKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { resultSchema } from '../../../command/modes/recover.js';
import { describeWritingMode } from '../../support/command-mode-suite.js';
import { execute, lostMekWorld } from '../../support/command-recovery.js';
import { reportIn } from '../../support/command-report.js';
import { noteOf, type CommandWorld } from '../../support/command-world.js';
import { OTHER_PAIR, PAIR } from '../../support/recovery-pairs.js';

const make = (): Promise<CommandWorld> => lostMekWorld({ notes: 4 });
const args = ({ versions }: CommandWorld): string[] => [
  '--new-mek-version',
  versions.new,
  '--private-key',
  'recovery.pem',
];

/** @returns The dekId of a row that has no recovery wrap now. */
async function strip(world: CommandWorld): Promise<string> {
  const [row] = await world.rows();
  const id = String(row?.['id']);
  const stripped = `json_remove(item, '$.recoveryWrap')`;
  execute(world, 'deks.sqlite', `UPDATE dek_store SET item = ${stripped} WHERE id = '${id}'`);
  return id;
}

describeWritingMode({
  mode: 'recover',
  schema: resultSchema,
  make,
  args,
  question: ({ versions }) =>
    `This recovers 4 DEK rows of notelett with the private recovery key, and brings them under the MEK version ${versions.new}. Do it only where every MEK version of the rows is lost, and after a copy of the store was made.`,
  expectDone: async (world) => {
    const rows = await world.rows();
    expect(rows.map((row) => row['mekVersion'])).toEqual(Array(4).fill(world.versions.new));
    expect(await world.readNotes()).toEqual([0, 1, 2, 3].map(noteOf));
  },
  breakOne: strip,
  refuse: (world) => {
    world.write('recovery.pem', OTHER_PAIR.privateKey);
    return Promise.resolve({ message: OTHER_PAIR.id });
  },
  stop: { event: 'changed', count: 2 },
  mistakes: [
    [
      ['--new-mek-version', 'env-0', '--private-key', 'none.pem'],
      '--private-key: the file none.pem cannot be read (ENOENT)',
    ],
    [
      ['--new-mek-version', 'env-0', '--private-key', 'recovery-public.pem'],
      '--private-key: the file recovery-public.pem does not open as a private key in PEM: check the file, and name the variable of its passphrase by --passphrase-variable where it is encrypted',
    ],
    [
      ['--new-mek-version', 'env-0', '--private-key', 'recovery.pem', '--passphrase-variable', 'P'],
      '--passphrase-variable: the variable P is not set, or is empty',
    ],
  ],
});

describe('the private key of recover', () => {
  it('is opened with the passphrase of the variable, and no other', async () => {
    await using world = await make();
    const pem = createPrivateKey(PAIR.privateKey);
    const passphrase = 'a long passphrase';
    const cipher = 'aes-256-cbc';
    const encrypted = pem.export({ type: 'pkcs8', format: 'pem', cipher, passphrase }).toString();
    world.write('recovery.pem', encrypted);
    const flags = ['recover', ...args(world), '--dry-run', '--passphrase-variable', 'PASSPHRASE'];
    const right = await world.run(flags, { env: { PASSPHRASE: passphrase } });
    expect(right).toMatchObject({ code: 0 });
    const wrong = await world.run(flags, { env: { PASSPHRASE: 'another passphrase' } });
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr).not.toContain('another passphrase');
  });
});

describe('what recover reports', () => {
  it('names each lost DEK with its reason, and its document only when it is asked for', async () => {
    await using world = await make();
    const dekId = await strip(world);
    const flags = ['recover', ...args(world), '--yes', '--json'];
    const report = reportIn(await world.run(flags), resultSchema);
    expect(report).toMatchObject({
      exitCode: 1,
      result: {
        lost: [{ dekId, reason: 'no-recovery-wrap' }],
        runs: [{ summary: { recovered: 3 } }],
      },
      findings: [
        {
          level: 'fail',
          check: 'lost-no-recovery-wrap',
          message: '1 DEK is lost: no-recovery-wrap',
          action: 'What may still help: a backup of the row that has a recovery wrap',
        },
      ],
    });
    expect(JSON.stringify(report)).not.toContain('w1');
    const named = reportIn(await world.run([...flags, '--document-keys']), resultSchema);
    expect(named.result).toMatchObject({
      lost: [{ dekId, scope: ['notes', 'w1', expect.stringMatching(/^n[0-3]$/)] }],
    });
  });
});
