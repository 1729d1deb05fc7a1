/** Prints measures of the structure of `src` and `command`, and fails where a limit is exceeded. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import ts from 'typescript';
import { above, COMMAND_LADDER, LADDER } from './ladder.mjs';

const ROOT = resolve(import.meta.dirname, '..');
const TREES = { src: LADDER, command: COMMAND_LADDER };
const TEST = join(ROOT, 'test');
/** Kinds of tests that are of no one folder of `src`, and what all tests share. */
const KINDS_OF_TESTS = [
  'bad-input',
  'command',
  'contract',
  'e2e',
  'examples',
  'live',
  'lowkey',
  'notes-backend',
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
  'exported names': 148,
  'loose files in test': 0,
  'folders of test that mirror none of src': 0,
};
const MOST_LINES = 400;
const MOST_FUNCTION_LINES = 40;

/** From the root of the repository. */
const files = Object.keys(TREES).flatMap((tree) =>
  readdirSync(join(ROOT, tree), { recursive: true })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `${tree}/${name.split(sep).join('/')}`)
    .sort(),
);
const sources = new Map(files.map((file) => [file, parse(file)]));
const imports = files.flatMap((file) => importsOf(file).map((to) => ({ file, to })));
const crossing = imports.filter(({ file, to }) => folderOf(file) !== folderOf(to));
const inTest = readdirSync(TEST, { withFileTypes: true });
const folders = [...new Set(files.map(folderOf))];
const mirrored = [...folders.map((folder) => folder.replace(/^src\//, '')), ...KINDS_OF_TESTS];

const found = {
  'circles of folders': circles(),
  'imports against the ladder': crossing
    .filter(({ file, to }) => isAgainstLadder(file, to))
    .map(({ file, to }) => `${file} imports ${to}`),
  'folders that are not on the ladder': folders.filter(
    (folder) => !TREES[treeOf(folder)].flat().includes(inTree(folder)),
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
for (const tree of Object.keys(TREES)) {
  const own = files.filter((file) => treeOf(file) === tree);
  const code = own.filter((file) => !file.startsWith('src/testing/')).map(codeLinesOf);
  console.log(`     ${tree}: files: ${own.length}, median lines: ${median(own.map(linesOf))}`);
  console.log(`     ${tree}: lines of code without testing and comments: ${sum(code)}`);
}
process.exitCode = failed ? 1 : 0;

function parse(file) {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
}

/** `src/dek`, or `src/index.ts` for a file that is in no folder. */
function folderOf(file) {
  return file.split('/').slice(0, 2).join('/');
}

function treeOf(file) {
  return file.split('/')[0];
}

function inTree(folder) {
  return folder.split('/')[1];
}

/** One tree imports from another only by the names of packages. */
function isAgainstLadder(file, to) {
  if (treeOf(file) !== treeOf(to)) return true;
  return above(inTree(folderOf(file)), TREES[treeOf(file)]).includes(inTree(folderOf(to)));
}

/** Relative imports and re-exports, types included; what is loaded by `import()` is not. */
function importsOf(file) {
  return sources
    .get(file)
    .statements.filter((each) => ts.isImportDeclaration(each) || ts.isExportDeclaration(each))
    .map(({ moduleSpecifier }) => moduleSpecifier?.text)
    .filter((specifier) => specifier?.startsWith('.'))
    .map((specifier) => {
      const path = relative(ROOT, resolve(ROOT, dirname(file), specifier));
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
    .get('src/index.ts')
    .statements.filter(ts.isExportDeclaration)
    .flatMap(({ exportClause }) => exportClause.elements.map(({ name }) => name.text));
}

function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

function sum(numbers) {
  return numbers.reduce((total, each) => total + each, 0);
}
