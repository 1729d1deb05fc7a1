import { LADDER } from '../../tools/ladder.mjs';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import tsup from '../../tsup.config.js';

const root = join(import.meta.dirname, '../..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
  peerDependenciesMeta: Record<string, { optional: boolean }>;
  exports: Record<string, { default: string; types: string } | string>;
};

function filesIn(folder: string, ending: string): string[] {
  const names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith(ending)).map((name) => join(folder, name));
}

/** Static imports only: `import()` is how an adapter may be loaded on demand. */
function importsOf(file: string): string[] {
  const code = readFileSync(join(root, file), 'utf8');
  const found = code.matchAll(/^(?:import|export)\b(?:[^;'"]*?from)?\s*['"]([^'"]+)['"]/gms);
  return [...found].map(([, specifier]) => specifier ?? '');
}

/** A built file and all that it imports statically. */
function reachedFrom(entry: string): string[] {
  const reached = new Set([entry]);
  for (const file of reached) {
    for (const specifier of importsOf(file)) {
      if (specifier.startsWith('.')) reached.add(join(file, '..', specifier));
    }
  }
  return [...reached];
}

describe('the sources', () => {
  const core = filesIn('src', '.ts').filter(
    (file) => !/^src\/(audit-sinks|azure|otel|sqlite|testing)\//.test(file),
  );

  it('of core import no adapter', () => {
    expect(core.length).toBeGreaterThan(20);
    const imports = core.flatMap(importsOf);
    expect(
      imports.filter((specifier) => /\/(audit-sinks|otel|sqlite|testing|azure)\//.test(specifier)),
    ).toEqual([]);
  });

  it('import one package besides Node itself in one file, and one in each adapter that needs it', () => {
    const foreign = filesIn('src', '.ts').flatMap((file) =>
      importsOf(file)
        .filter((specifier) => !/^(\.|node:)/.test(specifier))
        .map(
          (specifier) => `${file.replace(/(src\/(azure\/[^/]+|otel))\/.*/, '$1')}: ${specifier}`,
        ),
    );
    expect([...new Set(foreign)].sort()).toEqual([
      'src/async/expiring-map.ts: lru-cache',
      'src/azure/cosmos: @azure/cosmos',
      'src/azure/key-vault: @azure/keyvault-keys',
      'src/otel: @opentelemetry/api',
    ]);
  });

  it('have no file over 400 lines and none that is a grab bag', () => {
    for (const file of filesIn('src', '.ts')) {
      expect(readFileSync(join(root, file), 'utf8').split('\n').length, file).toBeLessThan(400);
      expect(file).not.toMatch(/(utils?|helpers?|common|types)\.ts$/);
    }
  });

  it('stand on the ladder that CONTRIBUTING draws', () => {
    const [, ofSources = ''] = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8').split(
      /^\| folder .*$/m,
    );
    const drawn = (ofSources.split('\n\n')[0] ?? '')
      .split('\n')
      .filter((line) => /^\| `[a-z-]+`(, `[a-z-]+`)* +\| /.test(line))
      .map((line) => (line.split('|')[1] ?? '').match(/[a-z-]+/g) ?? []);
    const ladder = LADDER.slice(0, -1).reverse();
    expect(drawn.map((folders) => [...folders].sort())).toEqual(
      ladder.map((folders) => [...folders].sort()),
    );
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

  it('has the packages of Azure and OpenTelemetry as optional peers, and no others', () => {
    const peers = Object.keys(manifest.peerDependencies);
    expect(peers).toEqual([
      '@azure/cosmos',
      '@azure/identity',
      '@azure/keyvault-keys',
      '@opentelemetry/api',
    ]);
    const optional = peers.filter((peer) => manifest.peerDependenciesMeta[peer]?.optional);
    expect(optional).toEqual(peers);
  });

  it.each([
    ['dist/index.js', ['lru-cache']],
    ['dist/audit-sinks/index.js', []],
    ['dist/otel/index.js', ['@opentelemetry/api']],
    ['dist/sqlite/index.js', []],
    ['dist/azure/cosmos/index.js', []],
    ['dist/azure/key-vault/index.js', ['@azure/keyvault-keys', 'lru-cache']],
  ])('%s needs nothing besides Node but %j', (entry, needed) => {
    const packages = reachedFrom(entry)
      .flatMap(importsOf)
      .filter((each) => !/^(\.|node:)/.test(each));
    expect([...new Set(packages)].sort()).toEqual(needed);
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
});
