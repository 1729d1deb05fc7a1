import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resultSchema } from '../../../command/modes/abandon.js';
import { countingConfig, writesCounted } from '../../support/command-counting.js';
import { damageRow } from '../../support/command-damage.js';
import { fingerprint } from '../../support/command-fingerprint.js';
import { execute, recordKeyWorld } from '../../support/command-recovery.js';
import { reportIn } from '../../support/command-report.js';
import { printedCommands, runPrinted } from '../../support/command-stop.js';
import { CommandWorld } from '../../support/command-world.js';

let world: CommandWorld;
let dekId: string;
/** As it is stored. */
let text: string;

beforeEach(async () => {
  world = await CommandWorld.make({ notes: 2 });
  dekId = await damageRow(world);
  text = await storedText();
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

async function rowOf(id: string): Promise<Record<string, unknown> | undefined> {
  return (await world.rows()).find((row) => row['id'] === id);
}

async function storedText(): Promise<string> {
  return JSON.stringify(await rowOf(dekId));
}

function evidence(name = 'row.json'): string {
  return readFileSync(join(world.folder, name), 'utf8');
}

async function digest(): Promise<string> {
  const args = ['abandon', '--dek-id', dekId, '--dry-run', '--json'];
  const { result } = reportIn(await world.run(args), resultSchema);
  return (result as { digest: string }).digest;
}

describe('abandon of a row with a false mac', () => {
  it('goes from the evidence to the tombstone', async () => {
    await world[Symbol.asyncDispose]();
    world = await recordKeyWorld({ notes: 2 });
    expect(await world.run(['reseal', '--yes'])).toMatchObject({ code: 0 });
    const [row] = await world.rows();
    const id = String(row?.['id']);
    const item = await world.dekStore.get(id);
    await world.dekStore.replace(
      { ...(item?.value as object), epoch: 2 } as never,
      item?.etag ?? '',
    );
    const kept = await world.run(['abandon', '--dek-id', id, '--evidence', 'row.json']);
    expect(kept.stdout).toMatch(/damage +false-mac/);
    const [giveUp = ''] = printedCommands(kept);
    expect(await runPrinted(world, `${giveUp} --yes`)).toMatchObject({ code: 0 });
    expect(await rowOf(id)).toMatchObject({ state: 'shredded' });
    expect((await runPrinted(world, `${giveUp} --yes`)).stdout).toContain('was abandoned before');
  });
});

describe('abandon', () => {
  it('goes from a dry run over the evidence to the tombstone by the commands that it prints', async () => {
    const before = fingerprint(world);
    const dry = await world.run(['abandon', '--dek-id', dekId, '--dry-run']);
    expect(dry.code).toBe(0);
    expect(dry.stdout).toContain(`DEK ${dekId}: nothing was written to the store`);
    expect(dry.stdout).toMatch(/damage +altered/);
    const [keep = ''] = printedCommands(dry);
    expect(keep).toBe(`encrypt-migrate abandon --dek-id ${dekId} --evidence ${dekId}.json`);

    const kept = await runPrinted(world, keep);
    expect(kept.code).toBe(0);
    expect(fingerprint(world)).toBe(before);
    expect(JSON.parse(evidence(`${dekId}.json`))).toEqual(JSON.parse(text));
    const [giveUp = ''] = printedCommands(kept);
    expect(giveUp).toBe(`${keep} --confirm ${await digest()}`);

    const done = await runPrinted(world, `${giveUp} --yes`);
    expect(done).toMatchObject({ code: 0 });
    expect(printedCommands(done)).toEqual([]);
    expect(await rowOf(dekId)).toMatchObject({ state: 'shredded' });

    const after = fingerprint(world);
    const again = await runPrinted(world, `${giveUp} --yes`);
    expect(again).toMatchObject({
      code: 0,
      stdout: `DEK ${dekId} was abandoned before: nothing is left to do.\n`,
    });
    expect(fingerprint(world)).toBe(after);
  });

  it('keeps bytes whose SHA-256 is the digest, readable by their owner alone', async () => {
    const args = ['abandon', '--dek-id', dekId, '--evidence', 'row.json', '--json'];
    const { result } = reportIn(await world.run(args), resultSchema);
    const [sum] = execFileSync('sha256sum', [join(world.folder, 'row.json')], {
      encoding: 'utf8',
    }).split(' ');
    expect(result).toMatchObject({ digest: sum, evidence: 'row.json', abandoned: false });
    expect(statSync(join(world.folder, 'row.json')).mode & 0o777).toBe(0o600);
  });

  it('writes the evidence first where it comes with the digest at once', async () => {
    const args = ['--dek-id', dekId, '--evidence', 'row.json', '--confirm', await digest()];
    const outcome = await world.run(['abandon', ...args, '--yes', '--json']);
    expect(reportIn(outcome, resultSchema).result).toMatchObject({
      abandoned: true,
      alreadyGone: false,
      leaves: 'tombstone',
    });
    expect(JSON.parse(evidence())).toEqual(JSON.parse(text));
  });

  it('writes neither over another file nor to the store', async () => {
    world.write('row.json', 'something else');
    const before = fingerprint(world);
    for (const more of [[], ['--confirm', await digest(), '--yes']]) {
      const args = ['abandon', '--dek-id', dekId, '--evidence', 'row.json', ...more];
      const { code, stderr } = await world.run(args);
      expect({ code, stderr }).toEqual({
        code: 2,
        stderr:
          'error --evidence: the file row.json exists, and does not hold the bytes of this row: name a new file\n',
      });
    }
    expect(evidence()).toBe('something else');
    expect(fingerprint(world)).toBe(before);
  });

  it('asks before it writes to the store, and not before it only looks', async () => {
    const args = ['abandon', '--dek-id', dekId, '--evidence', 'row.json'];
    expect(await world.run(args)).toMatchObject({ code: 0 });
    const { code, stderr } = await world.run([...args, '--confirm', await digest()]);
    expect(code).toBe(2);
    expect(stderr).toContain(
      `error This gives up DEK ${dekId} of notelett for good: its document can never be read again. Copies of the row in backups would bring it back. This asks before it begins`,
    );
    expect(await rowOf(dekId)).toMatchObject({ state: 'active' });
  });

  it('writes nothing in a dry run, by a count at the stores, and no evidence either', async () => {
    const config = countingConfig(world);
    const args = ['abandon', '--dek-id', dekId, '--config', config];
    const dry = [...args, '--evidence', 'row.json', '--confirm', await digest(), '--dry-run'];
    expect(await world.run(dry)).toMatchObject({ code: 0 });
    expect(writesCounted(world)).toBe(0);
    expect(() => evidence()).toThrow('ENOENT');
  });

  it('exits with 1 where the write fails, and prints the command that resumes', async () => {
    world.write(
      'failing.mjs',
      `import config from './counting.mjs';
      const { dekStore } = config.products.notelett;
      const replace = async () => { throw new Error('The disk is gone'); };
      const get = (target, name) => (name === 'replace' ? replace : Reflect.get(target, name));
      config.products.notelett.dekStore = new Proxy(dekStore, { get });
      export default config;`,
    );
    countingConfig(world);
    const args = [
      'abandon',
      '--dek-id',
      dekId,
      '--evidence',
      'row.json',
      '--config',
      'failing.mjs',
    ];
    const failed = await world.run([...args, '--confirm', await digest(), '--yes']);
    expect(failed.code).toBe(1);
    const [command = ''] = printedCommands(failed);
    expect(await runPrinted(world, command.replace(' --config failing.mjs', ''))).toMatchObject({
      code: 0,
    });
    expect(await rowOf(dekId)).toMatchObject({ state: 'shredded' });
  });

  it('exits with 3 for a row that opens, and for the digest of another row', async () => {
    const sound = (await world.rows()).find(({ id }) => id !== dekId);
    const id = String(sound?.['id']);
    const first = await world.run(['abandon', '--dek-id', id, '--evidence', 'sound.json']);
    expect(first).toMatchObject({ code: 3, stdout: '' });
    expect(() => evidence('sound.json')).toThrow('ENOENT');
    const args = ['--dek-id', dekId, '--evidence', 'row.json', '--confirm', '0'.repeat(64)];
    const second = await world.run(['abandon', ...args, '--yes']);
    expect(second.code).toBe(3);
    expect(second.stderr).toContain('"confirm" is the digest of another row');
    expect(() => evidence()).toThrow('ENOENT');
    expect(await rowOf(dekId)).toMatchObject({ state: 'active' });
  });

  it('gives up a DEK whose MEK version is named as lost', async () => {
    const id = String((await world.rows()).find((row) => row['id'] !== dekId)?.['id']);
    const env = { NOTES_PREVIOUS_KEYS: randomBytes(32).toString('hex') };
    const args = ['abandon', '--dek-id', id, '--dry-run', '--json'];
    expect(await world.run(args, { env })).toMatchObject({ code: 3 });
    const named = [...args, '--lost-mek', `env/env/${world.versions.old}`];
    const report = reportIn(await world.run(named, { env }), resultSchema);
    expect(report).toMatchObject({ exitCode: 0, result: { damage: 'lost-mek' } });
  });

  it('names the document only where it is asked for', async () => {
    const args = ['abandon', '--dek-id', dekId, '--dry-run', '--json'];
    const { result } = reportIn(await world.run(args), resultSchema);
    expect(result).not.toHaveProperty('scope');
    const named = await world.run([...args, '--document-keys']);
    expect(reportIn(named, resultSchema).result).toMatchObject({
      scope: ['notes', 'w1', noteId()],
    });
    const table = await world.run(['abandon', '--dek-id', dekId, '--dry-run', '--document-keys']);
    expect(table.stdout).toContain(`notes / w1 / ${noteId()}`);
  });
});

function noteId(): string {
  return (JSON.parse(text) as { scope: string[] }).scope[2] ?? '';
}

describe('abandon of a row that does not name its document any more', () => {
  beforeEach(() => {
    const set = `json_set(item, '$.scope', 'gone')`;
    execute(world, 'deks.sqlite', `UPDATE dek_store SET item = ${set} WHERE id = '${dekId}'`);
  });

  it('leaves a tombstone where --collection and --document-key name the document', async () => {
    const args = ['abandon', '--dek-id', dekId, '--evidence', 'row.json', '--collection', 'notes'];
    const keys = ['--document-key', 'workspaceId=w1', '--document-key', `id=${noteId()}`];
    const looked = await world.run([...args, ...keys]);
    const [command = ''] = printedCommands(looked);
    expect(await runPrinted(world, `${command} --yes`)).toMatchObject({ code: 0 });
    expect(await rowOf(dekId)).toMatchObject({
      state: 'shredded',
      scope: ['notes', 'w1', noteId()],
    });
  });

  it('leaves nothing without them, is stopped while it waits, and is resumed by the printed command', async () => {
    const args = ['abandon', '--dek-id', dekId, '--evidence', 'row.json'];
    const [command = ''] = printedCommands(await world.run(args));
    const [, confirm = ''] = command.split(' --confirm ');
    const started = world.start([...args, '--confirm', confirm, '--yes']);
    while (!started.printed.stderr.includes('waiting for writers')) await setTimeout(10);
    started.kill('SIGINT');
    const stopped = await started.ended;
    expect(stopped.code).toBe(130);
    expect(await rowOf(dekId)).toBeDefined();
    const [resume = ''] = printedCommands(stopped);
    expect(resume).toContain(`--confirm ${confirm}`);
    expect(await runPrinted(world, resume)).toMatchObject({ code: 0 });
    expect(await rowOf(dekId)).toBeUndefined();
    expect(await runPrinted(world, resume)).toMatchObject({ code: 0 });
  });
});

describe('mistakes in a command line of abandon', () => {
  it.each([
    [[], '--dek-id is missing: this DEK'],
    [
      ['--dek-id', 'x'],
      '--evidence is missing: name a new file for the bytes of the row, or look alone with --dry-run',
    ],
    [['--dek-id', 'x', '--dek-id', 'y'], '--dek-id is passed 2 times: abandon takes one'],
    [
      ['--dek-id', 'x', '--confirm', 'yes'],
      '--confirm: expected the 64 hex digits that the call without it printed',
    ],
    [
      ['--dek-id', 'x', '--dry-run', '--collection', 'notes'],
      '--collection and --document-key name a document together: pass both',
    ],
    [
      ['--dek-id', 'x', '--dry-run', '--collection', 'notes', '--document-key', 'id=n1'],
      '--document-key: the key of notes is workspaceId, id: pass each of them once',
    ],
    [['--dek-id', 'x', '--dry-run', '--document-key', 'id'], '--document-key: expected name=value'],
    [
      ['--dek-id', 'x', '--dry-run', '--lost-mek', 'env'],
      '--lost-mek: expected provider/name/version',
    ],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await world.run(['abandon', ...args]);
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: `error ${message}\n` });
  });
});
