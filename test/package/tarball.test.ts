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
import { codeUnder } from '../support/docs-code.js';

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

interface Compiled {
  readonly name: string;
  readonly code: string;
  readonly module: string;
  readonly type?: 'commonjs' | 'module';
}

/** Compiles a file with its types, also those of the package, and runs it. */
function compileAndRun({ name, code, module, type = 'module' }: Compiled): string {
  const at = join(project, name);
  mkdirSync(at);
  writeFileSync(join(at, 'package.json'), JSON.stringify({ type }));
  writeFileSync(join(at, 'app.ts'), code);
  const compilerOptions = {
    target: 'es2023',
    lib: ['es2023', 'esnext.disposable'],
    module,
    strict: true,
    skipLibCheck: false,
    types: ['node'],
    typeRoots: [join(ROOT, 'node_modules/@types')],
  };
  writeFileSync(join(at, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['app.ts'] }));
  run(at, process.execPath, join(ROOT, 'node_modules/typescript/bin/tsc'));
  const env = { FIELD_ENCRYPT_KEY: 'j89QzABAItXjr+KBVnV1/Eb9dxP/8v7hxZhNl4AJs8w=' };
  return execFileSync(process.execPath, ['app.js'], { cwd: at, env, encoding: 'utf8' });
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
    expect(entries).toHaveLength(17);
    const expected = entries.map((entry) => entry.replace(/^\./, 'package'));
    expect(files).toEqual(expect.arrayContaining(expected));
    const allowed =
      /^package\/((dist|docs|examples)\/|LICENSE$|(README|CHANGELOG|SECURITY)\.md$|package\.json$)/;
    expect(files.filter((file) => !allowed.test(file))).toEqual([]);
  });

  it('runs the quick start of the README, checked by its types', () => {
    const [code = ''] = codeUnder('README.md', 'Quick start');
    const printed = compileAndRun({ name: 'quick-start', code, module: 'nodenext' });
    expect(printed).toBe("New plans [ 'secret' ]\n");
  });

  const [staticImport = '', dynamicImport = ''] = codeUnder(
    'docs/module-systems.md',
    'TypeScript that compiles to CommonJS',
  );

  it.each([
    ['nodenext', staticImport],
    ['node20', staticImport],
    ['node16', dynamicImport],
    ['node18', dynamicImport],
    ['nodenext', dynamicImport],
  ])('runs TypeScript that was compiled to CommonJS with module %s', (module, code) => {
    const name = `${module}-${code === staticImport ? 'static' : 'dynamic'}`;
    expect(compileAndRun({ name, code, module, type: 'commonjs' })).toBe('Hello\n');
  });

  it('is refused by TypeScript as a static import where the docs say so', () => {
    const compiled = { name: 'refused', code: staticImport, type: 'commonjs' } as const;
    expect(() => compileAndRun({ ...compiled, module: 'node16' })).toThrow(
      expect.objectContaining({ stdout: expect.stringContaining('TS1479') as unknown }) as Error,
    );
  });
});
