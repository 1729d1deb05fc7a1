/** Needs the built package. */
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

/** What `npm pack` puts into the package. */
function publishedFiles(): readonly string[] {
  const packed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return [...packed.matchAll(/"path": "([^"]+)"/g)].map(([, path]) => path ?? '');
}

const files = publishedFiles();
const published = new Set(files);
const filesWith = (ending: string): readonly string[] =>
  files.filter((file) => file.endsWith(ending));

/** Each with the file that a relative link or import is about. */
function targetsOf(file: string, pattern: RegExp): readonly (readonly [string, string])[] {
  return [...read(file).matchAll(pattern)].map(([, target = '']) => [
    `${file} → ${target}`,
    posix.join(posix.dirname(file), target),
  ]);
}

describe('what is published', () => {
  it('is the build, docs and examples, and no keys, tests or sources', () => {
    const expected = ['LICENSE', 'README.md', 'dist/index.js', 'docs/format.md'];
    expect(files).toEqual(expect.arrayContaining(expected));
    const allowed =
      /^((dist|docs)\/|examples\/([\w-]+\.ts|scripts\/.+\.ts|(compose|github-actions|kubernetes|notes-backend)\/.+)$|LICENSE$|(README|CHANGELOG|SECURITY)\.md$|package\.json$)/;
    expect(files.filter((file) => !allowed.test(file))).toEqual([]);
  });

  it('has all that its documents link to', () => {
    const links = filesWith('.md').flatMap((file) => targetsOf(file, /\]\((?!\w+:|#)([^)#]+)/g));
    expect(links.length).toBeGreaterThan(30);
    expect(links.filter(([, target]) => !published.has(target))).toEqual([]);
  });

  it('links to headings that are there', () => {
    const links = filesWith('.md').flatMap((file) =>
      targetsOf(file, /\]\((?!\w+:)([^)]*#[^)]+)\)/g).map(([link, target]) => {
        const [of = '', heading = ''] = target.split('#');
        return [link, of.endsWith('.md') ? of : file, heading] as const;
      }),
    );
    expect(links.length).toBeGreaterThan(0);
    expect(links.filter(([, of, heading]) => !headingsOf(of).includes(heading))).toEqual([]);
  });

  it('has all that its examples import', () => {
    const examples = filesWith('.ts').filter((file) => file.startsWith('examples/'));
    expect(examples.length).toBeGreaterThan(3);
    const imports = examples.flatMap((file) => targetsOf(file, /(?:from|import\() ?'(\.[^']+)'/g));
    const missing = imports.filter(([, target]) => !published.has(target.replace(/\.js$/, '.ts')));
    expect(missing).toEqual([]);
  });

  it('says where its sources are and where bugs are reported', () => {
    const home = 'https://github.com/bytelyst/field-encrypt';
    expect(JSON.parse(read('package.json'))).toMatchObject({
      homepage: `${home}#readme`,
      bugs: `${home}/issues`,
      repository: { type: 'git', url: `git+${home}.git` },
    });
  });
});

/** As GitHub names them. */
function headingsOf(file: string): readonly string[] {
  return [...read(file).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

describe('the source maps', () => {
  it('are beside every file of the library, with the sources in them', () => {
    // The command is bundled with libraries of others, whose sources say nothing here.
    const code = filesWith('.js').filter((file) => /^dist\/(?!command\/)/.test(file));
    expect(code.length).toBeGreaterThan(6);
    for (const file of code) {
      const [, map = ''] = /\n\/\/# sourceMappingURL=(\S+)\s*$/.exec(read(file)) ?? [];
      const path = posix.join(posix.dirname(file), map);
      expect(published, file).toContain(path);
      const { sources, sourcesContent } = JSON.parse(read(path)) as {
        readonly sources: readonly string[];
        readonly sourcesContent: readonly string[];
      };
      expect(sourcesContent.length, path).toBe(sources.length);
      for (const [index, source] of sources.entries()) {
        const original = posix.join(posix.dirname(file), source);
        expect(original, path).toMatch(/^src\/.+\.ts$/);
        expect(existsSync(join(ROOT, original)), original).toBe(true);
        expect(sourcesContent[index], original).toBe(read(original));
      }
    }
  });

  it('name source files and lines in stack traces', async () => {
    const code = `import('@bytelyst/field-encrypt').then(({ defineDocument }) => defineDocument()({}))`;
    const { stderr } = await promisify(execFile)(
      process.execPath,
      ['--enable-source-maps', '--eval', code],
      { cwd: ROOT },
    ).catch((error: unknown) => error as { readonly stderr: string });
    const [, file = '', line = ''] =
      /\((?:file:\/\/)?(\S*\/src\/document\/\S+\.ts):(\d+):\d+\)/.exec(stderr) ?? [];
    expect(stderr).toContain('TypeError');
    const path = file.startsWith('file:') ? fileURLToPath(file) : file;
    expect(readFileSync(path, 'utf8').split('\n').length).toBeGreaterThan(Number(line));
  });
});
