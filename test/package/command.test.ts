/** Needs the built package. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { PackedProject, runNode } from '../support/packed-project.js';

const project = new PackedProject({});
const PACKAGE = join(project.folder, 'node_modules/@bytelyst/field-encrypt');
const COMMAND = join(PACKAGE, 'dist/command');
const BIN = join(COMMAND, 'encrypt-migrate.js');

afterAll(() => {
  project.remove();
});

function run(...args: readonly string[]) {
  return runNode([BIN, ...args], { cwd: project.folder });
}

/** What its files import that is not one of them. */
function importsOfCommand(): readonly string[] {
  const names = readdirSync(COMMAND, { recursive: true, encoding: 'utf8' });
  const imports = names
    .filter((name) => name.endsWith('.js'))
    .flatMap((name) => [
      ...readFileSync(join(COMMAND, name), 'utf8').matchAll(
        /(?:^|[;}])(?:import|export)\b[^;'"()]*?from"([^"]+)"|(?:^|[;}])import"([^"]+)"|\bimport\("([^"]+)"\)/g,
      ),
    ])
    .map(([, from, bare, lazy]) => from ?? bare ?? lazy ?? '');
  return [...new Set(imports)].filter((name) => !name.startsWith('.')).sort();
}

describe('the command in an empty project', () => {
  it('has help, a manifest and keys without any other package', async () => {
    const help = await run('--help');
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('Usage: encrypt-migrate <mode> [flags]');
    const manifest = await run('manifest', '--json');
    expect(manifest, manifest.stderr).toMatchObject({ code: 0, stderr: '' });
    const { result } = JSON.parse(manifest.stdout) as { result: { modes: object } };
    expect(Object.keys(result.modes)).toContain('rewrap-deks');
    const key = await run('key', 'new');
    expect(key).toMatchObject({ code: 0, stderr: '' });
    expect(Buffer.from(key.stdout, 'base64')).toHaveLength(32);
  });

  it('is started by the name of the executable', () => {
    const { bin } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as {
      readonly bin: object;
    };
    expect(bin).toEqual({ 'encrypt-migrate': './dist/command/encrypt-migrate.js' });
    expect(readFileSync(BIN, 'utf8').startsWith('#!/usr/bin/env node\n')).toBe(true);
  });

  it('imports this package and those of Azure by name, and has all else in it', () => {
    const imports = importsOfCommand().filter((name) => !name.startsWith('node:'));
    const ours = imports.filter((name) => name.startsWith('@bytelyst/field-encrypt'));
    expect(ours.length).toBeGreaterThan(1);
    const others = imports.filter((name) => !ours.includes(name) && !name.startsWith('@azure/'));
    expect(others.filter((name) => !isOfNode(name))).toEqual([]);
  });

  it('has the licences of what is in it', () => {
    const text = readFileSync(join(COMMAND, 'THIRD_PARTY_LICENSES.txt'), 'utf8');
    const names = text.match(/^\S+ \d+\.\d+\.\d+\S* \(.+\)$/gm) ?? [];
    const expected = [
      'commander',
      'zod',
      'jiti',
      '@clack/prompts',
      'log-update',
      'picocolors',
      'uplot',
    ];
    for (const name of expected) expect(names.join('\n')).toContain(`${name} `);
    expect(names.length).toBeGreaterThan(expected.length);
    expect(names.filter((name) => !/\((MIT|ISC|BSD-\d-Clause|Apache-2\.0)\)$/.test(name))).toEqual(
      [],
    );
  });
});

function isOfNode(name: string): boolean {
  return process.getBuiltinModule(name) !== undefined;
}
