import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { variablesSchema } from '../../examples/notes-backend/src/lib/variables.js';

const ROOT = join(import.meta.dirname, '../..');
const EXAMPLE = join(ROOT, 'examples/notes-backend');
const read = (file: string): string => readFileSync(file, 'utf8');
const readme = read(join(EXAMPLE, 'README.md'));

interface Manifest {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const manifestIn = (folder: string): Manifest =>
  JSON.parse(read(join(folder, 'package.json'))) as Manifest;

describe('the README of the notes backend', () => {
  it('has a row for each variable, with its default and what it is for', () => {
    const [, table = ''] = readme.split('## Variables\n');
    const rows = table
      .trim()
      .split('\n')
      .slice(2)
      .map((row) => row.split(/ *\| */).slice(1, -1));
    const expected = Object.entries(variablesSchema.shape).map(([name, schema]) => {
      const { defaultValue } = schema.def as { readonly defaultValue?: string };
      const shown = defaultValue === undefined ? '' : `\`${defaultValue}\``;
      return [`\`${name}\``, shown, schema.description];
    });
    expect(rows).toEqual(expected);
  });

  it('names files that exist', () => {
    const links = [...readme.matchAll(/\]\(([^)#:]+)\)/g)].map(([, file = '']) => file);
    expect(links.length).toBeGreaterThan(10);
    expect(links.filter((file) => !existsSync(join(EXAMPLE, file)))).toEqual([]);
  });
});

describe('the project of the notes backend', () => {
  it('has the variables of the library that its README lists', () => {
    const names = (text: string): readonly string[] => [
      ...new Set(
        [...text.matchAll(/^\| `(FIELD_ENCRYPT_\w+|AZURE_KEYVAULT_URL)`/gm)].map(
          ([, name = '']) => name,
        ),
      ),
    ];
    const ofLibrary = names(read(join(ROOT, 'README.md')));
    expect(ofLibrary.length).toBeGreaterThan(10);
    expect([...names(readme)].sort()).toEqual([...ofLibrary].sort());
  });

  it('has exact versions, which are those that its tests run with', () => {
    const { dependencies, devDependencies } = manifestIn(EXAMPLE);
    const { '@bytelyst/field-encrypt': own, ...others } = { ...dependencies, ...devDependencies };
    expect(own).toBe('file:../..');
    const installed = Object.keys(others).map((name) => [
      name,
      manifestIn(join(ROOT, 'node_modules', name)).version,
    ]);
    expect(others).toEqual(Object.fromEntries(installed));
  });

  it('imports nothing that it does not depend on', async () => {
    const { dependencies } = manifestIn(EXAMPLE);
    const { stdout } = await promisify(execFile)(
      'git',
      ['ls-files', '--cached', '--others', '--exclude-standard', 'examples/notes-backend/src'],
      { cwd: ROOT },
    );
    const imported = stdout
      .trim()
      .split('\n')
      .flatMap((file) => [
        ...read(join(ROOT, file)).matchAll(/(?:from|import\() ?'((?:@[^/']+\/)?[^./'][^/']*)/g),
      ])
      .map(([, name = '']) => name)
      .filter((name) => !name.startsWith('node:'));
    expect(imported.length).toBeGreaterThan(20);
    expect([...new Set(imported)].filter((name) => !(name in dependencies))).toEqual([]);
  });
});
