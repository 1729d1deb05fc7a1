import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const PATIENCE_MS = 1_200_000;
const folder = mkdtempSync(join(tmpdir(), 'field-encrypt-test-'));
const [clone, project] = [join(folder, 'clone'), join(folder, 'project')];
let tarball = '';

function run(cwd: string, command: string, ...parameters: readonly string[]): string {
  return execFileSync(command, parameters, { cwd, encoding: 'utf8', stdio: 'pipe' });
}

/** What a clone would have: no build, and nothing else that git ignores. */
function cloneSources(): void {
  const tracked = run(ROOT, 'git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard');
  for (const file of tracked.split('\0').filter((each) => each !== '')) {
    mkdirSync(dirname(join(clone, file)), { recursive: true });
    cpSync(join(ROOT, file), join(clone, file));
  }
  symlinkSync(join(ROOT, 'node_modules'), join(clone, 'node_modules'));
}

/** The dependency is linked, so that no registry is asked. */
function install(): void {
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ type: 'module', private: true }));
  const dependency = join(ROOT, 'node_modules/lru-cache');
  run(project, 'npm', 'install', '--offline', '--ignore-scripts', tarball, dependency);
}

function quickStart(): string {
  const [, section = ''] = readFileSync(join(ROOT, 'README.md'), 'utf8').split('## Quick start\n');
  return /```ts\n(.*?)```/s.exec(section)?.[1] ?? '';
}

beforeAll(() => {
  cloneSources();
  const [packed] = run(clone, 'npm', 'pack', '--silent').trim().split('\n').slice(-1);
  tarball = join(clone, packed ?? '');
  install();
}, PATIENCE_MS);

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('what npm pack makes of a fresh clone', { timeout: PATIENCE_MS }, () => {
  it('has code and types for every entry, and no more than belongs into it', () => {
    const files = run(folder, 'tar', '-tzf', tarball).trim().split('\n');
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      readonly exports: Readonly<Record<string, Readonly<Record<string, string>> | string>>;
    };
    const entries = Object.values(manifest.exports).flatMap((entry) =>
      typeof entry === 'string' ? [entry] : Object.values(entry),
    );
    expect(entries).toHaveLength(13);
    const expected = entries.map((entry) => entry.replace(/^\./, 'package'));
    expect(files).toEqual(expect.arrayContaining(expected));
    const allowed = /^package\/(dist\/|LICENSE$|(README|CHANGELOG|SECURITY)\.md$|package\.json$)/;
    expect(files.filter((file) => !allowed.test(file))).toEqual([]);
  });

  it('runs the quick start of the README, checked by its types', () => {
    writeFileSync(join(project, 'quick-start.ts'), quickStart());
    const compilerOptions = {
      target: 'es2023',
      module: 'nodenext',
      strict: true,
      types: ['node'],
      typeRoots: [join(ROOT, 'node_modules/@types')],
    };
    writeFileSync(
      join(project, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, files: ['quick-start.ts'] }),
    );
    run(project, process.execPath, join(ROOT, 'node_modules/typescript/bin/tsc'));
    expect(run(project, process.execPath, 'quick-start.js')).toBe("New plans [ 'secret' ]\n");
  });
});
