/** Which test files run in which lane: found by what they import. @module */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const TEST = join(ROOT, 'test');
/** The one says how much is done in which lane, the other takes the number of its runs from there. */
const MORE_IF_SLOW = [join(TEST, 'support/lane.ts'), 'fast-check'];
/** They start processes and servers, or read the build. */
const NOT_UNIT = [
  /^node:(child_process|cluster|dgram|https?|http2|net|tls|worker_threads)$/,
  /^(@azure|@hono|@bytelyst|@vercel)\//,
  /^tsx(\/|$)/,
];
/** They read the build, are many processes in one, or try every call of the package: seconds each. */
const NOT_UNIT_SUPPORT = [
  'second-copy.ts',
  'abortable-calls/abortable-call.ts',
  'fleet.ts',
  'rotation/metered-vault.ts',
  'rotation/watch.ts',
].map((name) => join(TEST, 'support', name));
/** Folders of tests that look at the package, or at more than one of its units. */
const NOT_UNIT_FOLDERS = [
  'bad-input',
  'command',
  'contract',
  'examples',
  'live',
  'lowkey',
  'notes-backend',
  'package',
  'processes',
  'simulation',
  'tools',
];

/** What does more in the slow lane: a test file that imports one of these, itself or through files of `test`. */
export function filesOfSlowLane(): readonly string[] {
  return testFilesThat((reached) => MORE_IF_SLOW.some((each) => reached.has(each)));
}

/** What starts no process and no server, needs no build, repeats little, and takes few processes at once. */
export function filesOfUnitLane(): readonly string[] {
  const files = testFilesThat((reached) => {
    const all = [...reached];
    return !all.some(
      (each) =>
        MORE_IF_SLOW.includes(each) ||
        NOT_UNIT_SUPPORT.includes(each) ||
        NOT_UNIT.some((not) => not.test(each)),
    );
  });
  return files.filter((file) => !NOT_UNIT_FOLDERS.includes(file.split('/')[1] ?? ''));
}

function testFilesThat(isWanted: (reached: ReadonlySet<string>) => boolean): readonly string[] {
  const importsOf = rememberedImports();
  return readdirSync(TEST, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(TEST, name))
    .filter((file) => isWanted(reachedFrom(file, importsOf)))
    .map((file) => relative(ROOT, file))
    .sort();
}

function reachedFrom(
  start: string,
  importsOf: (file: string) => readonly string[],
): ReadonlySet<string> {
  const reached = new Set([start]);
  // A set also gives what is added to it on the way.
  for (const file of reached) for (const each of importsOf(file)) reached.add(each);
  return reached;
}

function rememberedImports(): (file: string) => readonly string[] {
  const known = new Map<string, readonly string[]>();
  return (file) => {
    const imports = known.get(file) ?? importsIn(file);
    known.set(file, imports);
    return imports;
  };
}

/** Names of packages, and paths of files; none for a file outside of `test`. */
function importsIn(file: string): readonly string[] {
  if (!file.startsWith(TEST) || !existsSync(file)) return [];
  const imports = readFileSync(file, 'utf8').matchAll(/\b(?:from|import) ?\(?'([^']+)'/g);
  return [...imports].map(([, name = '']) => {
    if (!name.startsWith('.')) return name;
    return resolve(dirname(file), name).replace(/\.js$/, '.ts');
  });
}
