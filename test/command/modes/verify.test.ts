import { randomBytes } from 'node:crypto';
import { EnvKeyProvider, rewrapAllDeks } from '@bytelyst/field-encrypt';
import { afterEach, describe, expect, it } from 'vitest';
import { resultSchema } from '../../../command/modes/verify.js';
import { fingerprint } from '../../support/command-fingerprint.js';
import { reportIn } from '../../support/command-report.js';
import {
  CommandWorld,
  noteOf,
  PRODUCT,
  type StartOptions,
  type WorldOptions,
} from '../../support/command-world.js';

let world: CommandWorld;

afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

async function made(options: WorldOptions): Promise<void> {
  world = await CommandWorld.make(options);
}

async function rotate(most = Infinity): Promise<void> {
  const { old: previous, new: key } = world.keys;
  const provider = new EnvKeyProvider({ key, previousKeys: [previous] });
  const target = { mekVersion: world.versions.new };
  const options = { target, concurrency: most === Infinity ? 8 : 1 };
  for await (const event of rewrapAllDeks(world.encryptorWith(provider), options)) {
    expect(event.type).not.toBe('failed');
    if (event.type === 'changed' && event.counts.changed === most) return;
  }
}

async function verify(args: readonly string[] = [], options?: StartOptions) {
  const outcome = await world.run(['verify', '--json', ...args], options);
  const report = reportIn(outcome, resultSchema);
  const lines = report.findings.map(({ level, check }) => `${level} ${check}`);
  return { ...outcome, report, lines, result: report.result };
}

/** Changes one row past the library. */
async function changeRow(change: (row: Record<string, unknown>) => object): Promise<string> {
  const { items } = await world.dekStore.list({ product: PRODUCT });
  const [item] = items;
  const row = item?.value as Record<string, unknown>;
  await world.dekStore.replace(change(row) as never, item?.etag ?? '');
  return String(row['id']);
}

describe('verify', () => {
  it('finds every row on the target, by two scans, by the database, by wraps and by documents', async () => {
    await made({ notes: 30 });
    await rotate();
    const args = ['--new-mek-version', world.versions.new, '--open-wraps', '--sample', '7'];
    const { code, result, lines, report } = await verify(args);
    expect(lines).toEqual(['ok scans', 'ok raw-count', 'ok wraps', 'ok sample']);
    expect(code).toBe(0);
    expect(result).toMatchObject({
      target: { mekVersion: world.versions.new },
      scans: [{ settled: true }, { settled: true, rows: 30 }],
      rowsNotOnTarget: 0,
      samples: [{ collection: 'notes', scanned: 30, sampled: 7, opened: 7, failed: 0 }],
      wraps: { scanned: 30, opened: 30, onlyEarlierWrap: 0, failed: 0 },
    });
    expect(report.findings.map(({ message }) => message)).toEqual([
      `Two scans found 30 live rows, all on env/env/${world.versions.new} at epoch 2`,
      `0 rows of table dek_store of ${world.folder}/deks.sqlite not on ${world.versions.new}, by its own query`,
      '30 wraps opened, each equal to the commitment of its row',
      '7 sample documents of 30 of "notes": all open',
    ]);
  });

  it('says no with the command of the rotation where the target is another', async () => {
    await made({ notes: 2 });
    const { code, lines, report } = await verify(['--new-mek-version', world.versions.new]);
    expect(code).toBe(3);
    expect(lines).toEqual(['fail target', 'ok scans', 'ok raw-count', 'ok sample']);
    expect(report.findings[0]).toMatchObject({
      message: `The target of the rotation record is env/env/${world.versions.old}, not ${world.versions.new}`,
      command: `encrypt-migrate rewrap-deks --key-provider env --new-mek-version ${world.versions.new}`,
    });
  });

  it('says no where a row was left behind, by the scans and by the database', async () => {
    await made({ notes: 3 });
    const rows = await world.dekStore.list({ product: PRODUCT });
    const before = rows.items[0]?.value as Record<string, unknown>;
    await rotate();
    await changeRow(() => before);
    const { code, lines, result } = await verify(['--sample', '0']);
    expect(code).toBe(3);
    expect(lines).toEqual(['fail rows-behind', 'fail raw-count']);
    expect(result).toMatchObject({ rowsNotOnTarget: 1, scans: [{ behind: 1 }, { behind: 1 }] });
  });

  it('says no where a wrap does not open, and only with --open-wraps knows it', async () => {
    await made({ notes: 3 });
    await changeRow((row) => ({ ...row, wrappedDek: randomBytes(40).toString('base64url') }));
    expect(await verify(['--sample', '0'])).toMatchObject({ code: 0 });
    const { code, lines, result } = await verify(['--sample', '0', '--open-wraps']);
    expect(code).toBe(3);
    expect(lines).toEqual(['ok scans', 'ok raw-count', 'fail wraps']);
    expect(result).toMatchObject({ wraps: { scanned: 3, opened: 2, failed: 1 } });
  });

  it('says no where only the earlier wrap of a row opens', async () => {
    await made({ notes: 2 });
    await rotate();
    await changeRow((row) => ({ ...row, wrappedDek: randomBytes(40).toString('base64url') }));
    const { code, result } = await verify(['--sample', '0', '--open-wraps']);
    expect(code).toBe(3);
    expect(result).toMatchObject({ wraps: { opened: 1, onlyEarlierWrap: 1, failed: 0 } });
  });

  it('says no where a version of the rows cannot be opened at all', async () => {
    await made({ notes: 2 });
    const env = { NOTES_PREVIOUS_KEYS: undefined };
    const { code, report } = await verify(['--sample', '0', '--open-wraps'], { env });
    expect(code).toBe(3);
    expect(report.findings.at(-1)).toMatchObject({ level: 'fail', check: 'wraps' });
    expect(report.findings.at(-1)?.message).toContain('MEK_UNUSABLE');
  });

  it('names a document that holds plaintext by its key only when asked', async () => {
    await made({ notes: 1, plainNotes: 1 });
    const { code, report, result } = await verify();
    expect(code).toBe(3);
    expect(report.findings.at(-1)).toMatchObject({
      check: 'sample',
      command: 'encrypt-migrate encrypt --collection notes',
    });
    expect(result).toMatchObject({
      samples: [{ failed: 1, failures: [{ error: { code: 'PLAINTEXT_REFUSED' } }] }],
    });
    expect(JSON.stringify(result)).not.toContain('"n1"');
    const named = await verify(['--document-keys']);
    expect(named.result).toMatchObject({
      samples: [{ failures: [{ key: { workspaceId: 'w1', id: 'n1' } }] }],
    });
  });

  it('opens documents from the whole collection', async () => {
    await made({ notes: 2 });
    for (let number = 2; number < 300; number += 1) await world.notes.create(noteOf(number));
    // Two of 300 are sealed: a sample of the first page alone would refuse 98 of 100.
    const { result } = await verify(['--sample', '299']);
    expect(result).toMatchObject({ samples: [{ scanned: 300, sampled: 299 }] });
  });

  it('says no while the rotation is unfinished, and opens every wrap nevertheless', async () => {
    await made({ notes: 4 });
    await rotate(2);
    const { code, lines, result } = await verify(['--sample', '0', '--open-wraps']);
    expect(code).toBe(3);
    expect(lines).toEqual(['fail rotation', 'fail raw-count', 'ok wraps']);
    expect(result).toMatchObject({ wraps: { opened: 4 } });
  });

  it('says no where a row is on the target, and below its epoch', async () => {
    await made({ notes: 2 });
    await rotate();
    await changeRow((row) => ({ ...row, epoch: 1 }));
    const { code, lines } = await verify(['--sample', '0']);
    expect(lines).toEqual(['fail rows-behind', 'ok raw-count']);
    expect(code).toBe(3);
  });

  it('prints events and then the report with --format jsonl', async () => {
    await made({ notes: 2 });
    const { stdout } = await world.run(['verify', '--open-wraps', '--format', 'jsonl']);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string });
    expect(lines.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['pass', 'would-change', 'passed', 'finished']),
    );
    expect(lines.at(-1)?.type).toBe('report');
  });

  it('writes nothing', async () => {
    await made({ notes: 2 });
    const before = fingerprint(world);
    await verify(['--open-wraps']);
    expect(fingerprint(world)).toEqual(before);
  });
});
