import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import tsup from '../../tsup.config.js';

const root = join(import.meta.dirname, '../..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>;
  exports: Record<string, { default: string; types: string } | string>;
};

function filesIn(folder: string, ending: string): string[] {
  const names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith(ending)).map((name) => join(folder, name));
}

/** Static imports only: `import()` is how an adapter may be loaded on demand. */
function importsOf(file: string): string[] {
  const code = readFileSync(join(root, file), 'utf8');
  const found = code.matchAll(/^(?:import|export)\b[^;'"]*?from\s*['"]([^'"]+)['"]/gms);
  return [...found].map(([, specifier]) => specifier ?? '');
}

describe('the sources', () => {
  const core = filesIn('src', '.ts').filter((file) => !/^src\/(sqlite|testing)\//.test(file));

  it('of core import no adapter', () => {
    expect(core.length).toBeGreaterThan(20);
    const imports = core.flatMap(importsOf);
    expect(imports.filter((specifier) => /\/(sqlite|testing|azure)\//.test(specifier))).toEqual([]);
  });

  it('import one package besides Node itself, in one file', () => {
    const foreign = filesIn('src', '.ts').flatMap((file) =>
      importsOf(file)
        .filter((specifier) => !/^(\.|node:)/.test(specifier))
        .map((specifier) => `${file}: ${specifier}`),
    );
    expect(foreign).toEqual(['src/dek/expiring-map.ts: lru-cache']);
  });

  it('have no file over 400 lines and none that is a grab bag', () => {
    for (const file of filesIn('src', '.ts')) {
      expect(readFileSync(join(root, file), 'utf8').split('\n').length, file).toBeLessThan(400);
      expect(file).not.toMatch(/(utils?|helpers?|common|types)\.ts$/);
    }
  });

  it('export no function or option that takes a nonce or a random source', () => {
    const surface = filesIn('src', '.ts').map((file) => readFileSync(join(root, file), 'utf8'));
    const signatures = surface.join('\n').match(/^export .*\(.*$|readonly \w+\??:/gm) ?? [];
    expect(signatures.length).toBeGreaterThan(100);
    expect(signatures.filter((line) => /nonce|\biv\b|random/i.test(line))).toEqual([]);
  });
});

describe('the package', () => {
  it('has lru-cache as its only runtime dependency', () => {
    expect(Object.keys(manifest.dependencies)).toEqual(['lru-cache']);
  });

  it('leaves lru-cache and Node outside its build, and nothing else', () => {
    const outside = filesIn('dist', '.js')
      .flatMap(importsOf)
      .filter((specifier) => !specifier.startsWith('.'));
    expect(outside).toContain('lru-cache');
    expect(outside.filter((each) => each !== 'lru-cache' && !each.startsWith('node:'))).toEqual([]);
  });

  it('exports exactly what is built', () => {
    const entries = (tsup as { entry: string[] }).entry.map((entry) =>
      entry.replace(/^src\//, './dist/').replace(/\.ts$/, '.js'),
    );
    const exported = Object.values(manifest.exports).flatMap((target) =>
      typeof target === 'string' ? [] : [target.default],
    );
    expect(exported.sort()).toEqual(entries.sort());
  });

  it('publishes the build, the docs that it needs, and no keys, tests or sources', () => {
    const packed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const files = [...packed.matchAll(/"path": "([^"]+)"/g)].map(([, path]) => path ?? '');
    expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'dist/index.js']));
    const allowed = /^(dist\/|LICENSE$|README\.md$|CHANGELOG\.md$|SECURITY\.md$|package\.json$)/;
    expect(files.filter((file) => !allowed.test(file))).toEqual([]);
  });
});
