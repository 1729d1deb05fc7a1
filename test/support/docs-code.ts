/** The code of the documents. @module */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/** The blocks of code under a heading of the second level, without those for a shell. */
export function codeUnder(document: string, heading: string): readonly string[] {
  const page = readFileSync(join(ROOT, document), 'utf8');
  const [section = ''] = page.split(`\n## ${heading}\n`)[1]?.split('\n## ') ?? [];
  return [...section.matchAll(/^```(?:js|cts|ts)\n(.*?)^```$/gms)].map(([, code = '']) => code);
}

/** The rows of the first table under a heading, without its head; each as its cells. */
export function tableUnder(document: string, heading: string): readonly (readonly string[])[] {
  const page = readFileSync(join(ROOT, document), 'utf8');
  const [section = ''] = page.split(new RegExp(`^#+ ${heading}$`, 'm'))[1]?.split(/^#/m) ?? [];
  const rows = section.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) => row.split('|').map((cell) => cell.trim()));
}
