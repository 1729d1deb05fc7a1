import { randomBytes } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EnvKeyProvider } from '@bytelyst/field-encrypt';
import Database from 'libsql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resultSchema } from '../../../command/modes/rewrap-deks.js';
import { fingerprint } from '../../support/command-fingerprint.js';
import { reportIn } from '../../support/command-report.js';
import { printedCommands, runPrinted, stopAt } from '../../support/command-stop.js';
import { CommandWorld, type WorldConfig } from '../../support/command-world.js';

const NOTES = 6;
const CONFIG = 'encrypt-migrate.config.json';

let world: CommandWorld;
beforeEach(async () => {
  world = await CommandWorld.make({ notes: NOTES });
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

function rewrap(...flags: readonly string[]) {
  return world.run(['rewrap-deks', '--new-mek-version', world.versions.new, ...flags]);
}

async function versions(): Promise<readonly unknown[]> {
  return (await world.rows()).map(({ mekVersion }) => mekVersion);
}

function execute(sql: string): void {
  const database = new Database(join(world.folder, 'deks.sqlite'));
  database.exec(sql);
  database.close();
}

describe('rewrap-deks', () => {
  it('brings every row under the target, and a second run writes nothing', async () => {
    const outcome = await rewrap('--json');
    expect(outcome).toMatchObject({ code: 0 });
    const report = reportIn(outcome, resultSchema);
    expect(report).toMatchObject({
      mode: 'rewrap-deks',
      product: 'notelett',
      outcome: 'done',
      result: { runs: [{ interrupted: false, summary: { changed: NOTES, complete: true } }] },
      next: [],
    });
    expect(await versions()).toEqual(Array(NOTES).fill(world.versions.new));
    const rows = await world.rows();
    expect(await rewrap()).toMatchObject({ code: 0 });
    expect(await world.rows()).toEqual(rows);
  });

  it('needs no document store', async () => {
    writeFileSync(join(world.folder, 'notes.sqlite'), 'no database');
    expect(await rewrap()).toMatchObject({ code: 0 });
  });

  it('prints one event in each line with --format jsonl, and the report last', async () => {
    const { code, stdout } = await rewrap('--format', 'jsonl');
    expect(code).toBe(0);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);
    expect(lines.every(({ schema }) => schema === 1)).toBe(true);
    const types = lines.map(({ type }) => type);
    expect(types[0]).toBe('begun');
    expect(types.filter((type) => type === 'changed')).toHaveLength(NOTES);
    expect(types.slice(-2)).toEqual(['finished', 'report']);
    const changed = lines.find(({ type }) => type === 'changed');
    expect(changed?.dekId).toMatch(/^[0-9a-f]{32}\.1$/);
  });

  it('writes nothing in a dry run, and says what it would take', async () => {
    const before = fingerprint(world);
    const outcome = await rewrap('--dry-run', '--json');
    expect(outcome).toMatchObject({ code: 0 });
    expect(fingerprint(world)).toBe(before);
    const report = reportIn(outcome, resultSchema);
    expect(report).toMatchObject({
      dryRun: true,
      result: { runs: [{ summary: { wouldChange: NOTES, estimate: { rows: NOTES } } }] },
    });
    const command = report.next[0]?.command ?? '';
    expect(await runPrinted(world, command)).toMatchObject({ code: 0 });
    expect(await versions()).toEqual(Array(NOTES).fill(world.versions.new));
  });

  it('takes rows of --old-mek-version alone, and exits with 3 and the command for the others', async () => {
    const stopped = await world.run(
      ['rewrap-deks', '--new-mek-version', world.versions.new, '--concurrency', '1'],
      { env: stopAt(world, { event: 'changed', count: 2 }) },
    );
    expect(stopped).toMatchObject({ code: 130 });
    const left = (await versions()).filter((each) => each === world.versions.new).length;
    expect(left).toBeGreaterThan(0);
    const third = randomBytes(32).toString('hex');
    const env = { NOTES_KEY: third, NOTES_PREVIOUS_KEYS: `${world.keys.old},${world.keys.new}` };
    const target = await new EnvKeyProvider({ key: third }).currentVersion();
    const args = ['--old-mek-version', world.versions.old, '--new-mek-version', target];
    const outcome = await world.run(
      ['--mode', 'rewrap-deks', ...args, '--take-over', '--yes', '--json'],
      { env },
    );
    expect(outcome).toMatchObject({ code: 3 });
    expect(reportIn(outcome, resultSchema).next).toEqual([
      {
        why: `To take the ${String(left)} rows under ${world.versions.new}`,
        command: `encrypt-migrate rewrap-deks --yes --new-mek-version ${target} --old-mek-version ${world.versions.new} --take-over`,
      },
    ]);
    const [command = ''] = printedCommands(outcome);
    expect(await runPrinted(world, command, env)).toMatchObject({ code: 0 });
    expect(new Set(await versions())).toEqual(new Set([target]));
  });

  it('names the rows that fail, rewraps the others, and exits with 1', async () => {
    const [row] = await world.rows();
    const id = String(row?.['id']);
    execute(`UPDATE dek_store SET item = json_set(item, '$.epoch', 0) WHERE id = '${id}'`);
    const outcome = await rewrap();
    expect(outcome).toMatchObject({ code: 1 });
    expect(outcome.stderr).toContain(`failed ${id}: TAMPERED: `);
    expect(outcome.stderr.split(`failed ${id}`)).toHaveLength(2);
    expect((await versions()).filter((each) => each === world.versions.new)).toHaveLength(
      NOTES - 1,
    );
  });

  it('refuses an unknown version with 3, before anything is written', async () => {
    const before = await world.rows();
    const { code, stderr } = await world.run(['rewrap-deks', '--new-mek-version', 'env-0000']);
    expect(code).toBe(3);
    expect(stderr).toBe(
      'error The key provider "env" has no MEK version "env-0000": add that key to FIELD_ENCRYPT_PREVIOUS_KEYS\n',
    );
    expect(await world.rows()).toEqual(before);
  });

  it('exits with 3 and names the products found where the product has nothing', async () => {
    const config = readFileSync(join(world.folder, CONFIG), 'utf8');
    world.write(CONFIG, config.replace('"notelett"', '"notelet"'));
    const { code, stderr } = await world.run([
      'rewrap-deks',
      '--product',
      'notelet',
      '--new-mek-version',
      world.versions.new,
    ]);
    expect(code).toBe(3);
    expect(stderr).toContain('"notelett"');
  });

  it('asks before it takes over another rotation', async () => {
    const { code, stderr } = await rewrap('--take-over');
    expect(code).toBe(2);
    expect(stderr).toContain(
      `error This brings ${String(NOTES)} DEK rows of notelett under the MEK version ${world.versions.new}, although a rotation to another version may be unfinished. This asks before it begins`,
    );
    expect(await rewrap('--take-over', '--yes')).toMatchObject({ code: 0 });
  });

  it('moves to the provider that --key-provider names, where there are several', async () => {
    const config = JSON.parse(readFileSync(join(world.folder, CONFIG), 'utf8')) as WorldConfig;
    const [env] = config.products.notelett.providers;
    const other = { type: 'env', id: 'other', key: { env: 'NOTES_KEY' } };
    const old = { ...env, key: { env: 'NOTES_PREVIOUS_KEYS' }, previousKeys: undefined };
    Object.assign(config.products.notelett, { providers: [old, other] });
    world.write(CONFIG, JSON.stringify(config));
    const refused = await rewrap();
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.stderr).toBe(
      'error The MEK version may belong to several key providers: pass --key-provider with one of env/env, other/env\n',
    );
    expect(await rewrap('--key-provider', 'other')).toMatchObject({ code: 0 });
    const providers = (await world.rows()).map(({ keyProvider }) => keyProvider);
    expect(providers).toEqual(Array(NOTES).fill('other'));
  });

  it('is shared by processes, each with its part', async () => {
    const parts = await Promise.all(
      ['0/2', '1/2'].map((part) => rewrap('--shard', part, '--json')),
    );
    expect(parts.map(({ code }) => code)).toEqual([0, 0]);
    const reports = parts.map((part) => reportIn(part, resultSchema));
    const changed = reports.map(({ result }) => (result as Result).runs[0]?.summary.changed ?? 0);
    expect(changed.reduce((sum, each) => sum + each, 0)).toBe(NOTES);
    expect(new Set(await versions())).toEqual(new Set([world.versions.new]));
  });

  it('writes the same report to a file for its owner alone, and never over another', async () => {
    const first = await rewrap('--json', '--report', 'rotation.json');
    expect(first).toMatchObject({ code: 0 });
    const text = readFileSync(join(world.folder, 'rotation.json'), 'utf8');
    const { items, evidence, seal, ...report } = JSON.parse(text) as Record<string, unknown>;
    expect(report).toEqual(JSON.parse(first.stdout));
    expect([items, evidence, seal].every((each) => typeof each === 'object')).toBe(true);
    expect(statSync(join(world.folder, 'rotation.json')).mode & 0o777).toBe(0o600);
    const rows = await world.rows();
    const second = await rewrap('--report', 'rotation.json');
    expect(second).toMatchObject({
      code: 2,
      stderr: 'error --report: the file rotation.json exists: name a new file\n',
    });
    expect(readFileSync(join(world.folder, 'rotation.json'), 'utf8')).toBe(text);
    expect(await world.rows()).toEqual(rows);
  });
});

interface Line {
  readonly schema: number;
  readonly type: string;
  readonly dekId?: string;
}

interface Result {
  readonly runs: readonly { readonly summary: { readonly changed: number } }[];
}
