/** Compiles and runs every ts example of the docs and doc comments, as a user of the package would. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

// Inside the package, so that its own name resolves to its own build.
const FOLDER = '.snippets';
const SOURCES = ['README.md', ...filesIn('docs', '.md'), ...filesIn('src', '.ts')];

rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER);
try {
  const files = SOURCES.flatMap(extract);
  if (files.length === 0) throw new Error('No example was found');
  const names = files.map((file) => basename(file));
  const config = { extends: '../tsconfig.json', files: names, include: [] };
  writeFileSync(join(FOLDER, 'tsconfig.json'), JSON.stringify(config));
  run(['node_modules/typescript/bin/tsc', '-p', FOLDER]);
  for (const file of files) run(['--import', 'tsx', file]);
  console.log(`${files.length} examples compiled and ran`);
} finally {
  rmSync(FOLDER, { recursive: true, force: true });
}

function filesIn(folder, ending) {
  const names = readdirSync(folder, { recursive: true });
  return names.filter((name) => name.endsWith(ending)).map((name) => join(folder, name));
}

function extract(source) {
  const text = readFileSync(source, 'utf8');
  const prose = source.endsWith('.md') ? text : docComments(text);
  const blocks = [...prose.matchAll(/^```ts\n(.*?)^```$/gms)];
  return blocks.map(([, code], index) => {
    const file = join(FOLDER, `${source.replaceAll(/[^a-zA-Z]/g, '-')}-${index + 1}.ts`);
    writeFileSync(file, `${code}\nexport {};\n`);
    return file;
  });
}

function docComments(code) {
  const comments = code.match(/\/\*\*.*?\*\//gs) ?? [];
  return comments.join('\n').replaceAll(/^ *\* ?/gm, '');
}

function run(args) {
  try {
    execFileSync(process.execPath, args, { stdio: 'pipe', timeout: 120_000 });
  } catch (error) {
    console.error(`${args.at(-1)} failed:\n${error.stdout}${error.stderr}`);
    process.exit(1);
  }
}
