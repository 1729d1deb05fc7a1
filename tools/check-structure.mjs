/** Prints measures of the structure of `src`, and fails where a limit is exceeded. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import ts from 'typescript';
import { above, LADDER } from './ladder.mjs';

const ROOT = resolve(import.meta.dirname, '..');
const SRC = join(ROOT, 'src');
const TEST = join(ROOT, 'test');
/** Kinds of tests that are of no one folder of `src`, and what all tests share. */
const KINDS_OF_TESTS = [
  'bad-input',
  'command',
  'contract',
  'examples',
  'live',
  'lowkey',
  'package',
  'processes',
  'property',
  'simulation',
  'support',
  'tools',
  'types',
  'vectors',
];
const LIMITS = {
  'circles of folders': 0,
  'imports against the ladder': 0,
  'folders that are not on the ladder': 0,
  'files over 400 lines': 0,
  'functions over 40 lines': 0,
  'exported names': 140,
  'loose files in test': 0,
  'folders of test that mirror none of src': 0,
};
const MOST_LINES = 400;
const MOST_FUNCTION_LINES = 40;

const files = readdirSync(SRC, { recursive: true })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.split(sep).join('/'))
  .sort();
const sources = new Map(files.map((file) => [file, parse(file)]));
const imports = files.flatMap((file) => importsOf(file).map((to) => ({ file, to })));
const crossing = imports.filter(({ file, to }) => folderOf(file) !== folderOf(to));
const inTest = readdirSync(TEST, { withFileTypes: true });
const mirrored = [...new Set(files.map(folderOf)), ...KINDS_OF_TESTS];

const found = {
  'circles of folders': circles(),
  'imports against the ladder': crossing
    .filter(({ file, to }) => above(folderOf(file)).includes(folderOf(to)))
    .map(({ file, to }) => `${file} imports ${to}`),
  'folders that are not on the ladder': [...new Set(files.map(folderOf))].filter(
    (folder) => !LADDER.flat().includes(folder),
  ),
  'files over 400 lines': files.filter((file) => linesOf(file) > MOST_LINES),
  'functions over 40 lines': files.flatMap(longFunctionsOf),
  'exported names': exportedNames(),
  'loose files in test': inTest.filter((entry) => !entry.isDirectory()).map(({ name }) => name),
  'folders of test that mirror none of src': inTest
    .filter((entry) => entry.isDirectory() && !mirrored.includes(entry.name))
    .map(({ name }) => name),
};

let failed = false;
for (const [what, items] of Object.entries(found)) {
  const isOver = items.length > LIMITS[what];
  failed ||= isOver;
  console.log(`${isOver ? 'FAIL' : 'ok  '} ${what}: ${items.length} of at most ${LIMITS[what]}`);
  if (isOver) for (const item of items) console.log(`     ${item}`);
}
const code = files.filter((file) => !file.startsWith('testing/')).map(codeLinesOf);
console.log(`     files: ${files.length}, median lines: ${median(files.map(linesOf))}`);
console.log(`     lines of code without testing and comments: ${sum(code)}`);
process.exitCode = failed ? 1 : 0;

function parse(file) {
  const text = readFileSync(join(SRC, file), 'utf8');
  return ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
}

function folderOf(file) {
  return file.split('/')[0];
}

/** Relative imports and re-exports, types included; what is loaded by `import()` is not. */
function importsOf(file) {
  return sources
    .get(file)
    .statements.filter((each) => ts.isImportDeclaration(each) || ts.isExportDeclaration(each))
    .map(({ moduleSpecifier }) => moduleSpecifier?.text)
    .filter((specifier) => specifier?.startsWith('.'))
    .map((specifier) => {
      const path = relative(SRC, resolve(SRC, dirname(file), specifier));
      return path.split(sep).join('/').replace(/\.js$/, '.ts');
    });
}

function circles() {
  const arrows = new Set(crossing.map(({ file, to }) => `${folderOf(file)} ${folderOf(to)}`));
  return [...arrows]
    .map((arrow) => arrow.split(' '))
    .filter(([from, to]) => from < to && arrows.has(`${to} ${from}`))
    .map((pair) => pair.join(' and '));
}

function linesOf(file) {
  return sources.get(file).text.trimEnd().split('\n').length;
}

function codeLinesOf(file) {
  const lines = sources.get(file).text.split('\n');
  return lines.filter((line) => line.trim() !== '' && !/^\s*(\/\/|\/?\*)/.test(line)).length;
}

function longFunctionsOf(file) {
  const source = sources.get(file);
  const long = [];
  const visit = (node) => {
    if (ts.isFunctionLike(node) && node.body) {
      const [start, end] = [node.body.getStart(), node.body.getEnd()].map(
        (at) => source.getLineAndCharacterOfPosition(at).line,
      );
      const name = node.name?.getText() ?? 'a function';
      if (end - start > MOST_FUNCTION_LINES) long.push(`${file}: ${name}, ${end - start} lines`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return long;
}

function exportedNames() {
  return sources
    .get('index.ts')
    .statements.filter(ts.isExportDeclaration)
    .flatMap(({ exportClause }) => exportClause.elements.map(({ name }) => name.text));
}

function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

function sum(numbers) {
  return numbers.reduce((total, each) => total + each, 0);
}
