/**
 * Builds `dist`, and does nothing where it already is what the sources give: several commands need it, and
 * each of them also works alone. `--js` does without the declarations.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { buildCommand } from './build-command.mjs';

const ROOT = join(import.meta.dirname, '..');
/** What was built last, of what, and what came of it. */
const STAMP = join(ROOT, '.built.json');
const SOURCES = ['src', 'command', 'package.json', 'package-lock.json', 'tsconfig.json'];
const SETTINGS = [
  'tsconfig.build.json',
  'tsup.config.ts',
  'tools/build.mjs',
  'tools/build-command.mjs',
];

const needsTypes = !process.argv.includes('--js');
const sources = digestOf([...SOURCES, ...SETTINGS]);
linkPackage();
if (isUpToDate()) {
  console.log('dist is up to date');
} else {
  const tsup = join(ROOT, 'node_modules/tsup/dist/cli-default.js');
  const options = needsTypes ? [] : ['--no-dts', '--silent'];
  execFileSync(process.execPath, [tsup, ...options], { cwd: ROOT, stdio: 'inherit' });
  await buildCommand();
  writeFileSync(
    STAMP,
    JSON.stringify({ sources, built: digestOf(['dist']), hasTypes: needsTypes }),
  );
}

/** An example that is a project of its own finds the package as any project does, beside the others. */
function linkPackage() {
  const link = join(ROOT, 'node_modules/@bytelyst/field-encrypt');
  if (lstatSync(link, { throwIfNoEntry: false })) return;
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync('../..', link, 'junction');
}

function isUpToDate() {
  const stamp = stampOfLastBuild();
  if (stamp?.sources !== sources || (needsTypes && !stamp.hasTypes)) return false;
  return stamp.built === digestOf(['dist']);
}

function stampOfLastBuild() {
  try {
    return JSON.parse(readFileSync(STAMP, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Of all names and contents; what is not there counts as empty. */
function digestOf(names) {
  const digest = createHash('sha256');
  for (const file of names.flatMap(filesOf).sort()) {
    const content = readFileSync(join(ROOT, file));
    digest.update(`${file}\0${content.length}\0`).update(content);
  }
  return digest.digest('hex');
}

function filesOf(name) {
  const stats = statSync(join(ROOT, name), { throwIfNoEntry: false });
  if (!stats?.isDirectory()) return stats ? [name] : [];
  const names = readdirSync(join(ROOT, name), { recursive: true }).map((each) => join(name, each));
  return names.filter((each) => statSync(join(ROOT, each)).isFile());
}
