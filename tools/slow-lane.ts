/** Which test files do more in the slow lane: found by what they import. @module */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const TEST = join(ROOT, 'test');
/** The one says how much is done in which lane, the other takes the number of its runs from there. */
const DECIDING = [join(TEST, 'support/lane.ts'), 'fast-check'];

/** Test files that import one of these, themselves or through other files of `test`. */
export function filesOfSlowLane(): readonly string[] {
  const importsOf = rememberedImports();
  return readdirSync(TEST, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(TEST, name))
    .filter((file) => DECIDING.some((each) => reachedFrom(file, importsOf).has(each)))
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
