/** Prints words and phrases that are not plain English in this project, and fails where there are any. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { proseFindings } from './prose.mjs';

const ROOT = resolve(import.meta.dirname, '..');
const CHECKED = /\.(md|ts|mts|js|mjs)$/;
/** The list itself and its test, and paths that were not rewritten yet: only ever take away from these. */
const UNCHECKED = ['tools/plain-words.mjs', 'test/tools/prose.test.ts'];

const named = process.argv.slice(2);
const files = named.length > 0 ? named : tracked().filter(isChecked);

let count = 0;
for (const file of files) {
  for (const { line, reason } of await proseFindings(
    file,
    readFileSync(join(ROOT, file), 'utf8'),
  )) {
    count += 1;
    console.log(`${file}:${line} ${reason}`);
  }
}
console.log(`${count} of at most 0 phrases to rewrite in ${files.length} files`);
process.exitCode = count > 0 ? 1 : 0;

function tracked() {
  return execFileSync('git', ['ls-files'], { cwd: ROOT, encoding: 'utf8' }).trim().split('\n');
}

function isChecked(file) {
  return CHECKED.test(file) && !UNCHECKED.some((path) => file.startsWith(path));
}
