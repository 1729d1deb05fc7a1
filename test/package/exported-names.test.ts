import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const LISTS = readFileSync(join(import.meta.dirname, 'exported-names.txt'), 'utf8');

/** The names in the list of one entry point. */
function listed(entry: string): readonly string[] {
  const from = LISTS.indexOf(`[${entry}]\n`);
  const [, ...names] = LISTS.slice(from).split('\n\n', 1)[0]?.trim().split('\n') ?? [];
  return names;
}

/** The names that the source of an entry point exports, types included. */
function exported(file: string): readonly string[] {
  const source = readFileSync(join(ROOT, file), 'utf8');
  const lists = [...source.matchAll(/export (?:type )?\{([^}]*)\}/g)].map(
    ([, names = '']) => names,
  );
  const names = lists.flatMap((list) => list.split(',')).map((name) => name.replace('type ', ''));
  return names.map((name) => name.trim()).filter((name) => name !== '');
}

it.each([
  ['.', 'src/index.ts'],
  ['./adapters', 'src/adapters.ts'],
  ['./audit', 'src/audit-sinks/index.ts'],
  ['./otel', 'src/otel/index.ts'],
])('the exports of "%s" are those that are listed', (entry, file) => {
  expect(listed(entry).length).toBeGreaterThan(4);
  expect([...exported(file)].sort()).toEqual([...listed(entry)].sort());
});
