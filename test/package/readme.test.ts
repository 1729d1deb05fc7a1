import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { VARIABLES } from '../../src/encryptor/environment-reader.js';

const root = join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const readme = read('README.md');

function section(title: string): string {
  return readme.split(/^## /m).find((part) => part.startsWith(title)) ?? '';
}

function namesIn(text: string): string[] {
  return [...new Set(text.match(/\b[A-Z]{2,}(?:_[A-Z]+)*\b/g) ?? [])].sort();
}

it('the README explains every error code, and no other', () => {
  const unions = read('src/errors/errors.ts').match(/export type \w*Code =[^;]*;/g) ?? [];
  const codes = [...unions.join('\n').matchAll(/'([A-Z_]+)'/g)].map(([, code]) => code).sort();
  expect(codes.length).toBeGreaterThan(20);
  const rows = section('Errors').match(/^\| `[A-Z][^|]*/gm) ?? [];
  expect(namesIn(rows.join('\n'))).toEqual(codes);
});

it('the README explains every environment variable, and no other', () => {
  const variables = [...VARIABLES].sort();
  const used = `${read('src/encryptor/environment.ts')}${read('src/encryptor/init-encryption.ts')}`;
  expect(namesIn(used).filter((name) => /^(FIELD_ENCRYPT|AZURE)_/.test(name))).toEqual(variables);
  const rows = section('With a database').match(/^\| `[A-Z][^|]*/gm) ?? [];
  expect(namesIn(rows.join('\n'))).toEqual(variables);
});

it('the README begins with one sentence, the two commands and a short quick start', () => {
  const [, sentence = ''] = readme.split('\n\n');
  expect(sentence.match(/\./g)).toHaveLength(1);
  expect(readme.indexOf('npm ci && npm run demo')).toBeLessThan(600);
  expect(readme).toContain('npm ci && npm test');
  const [, code = ''] = /```ts\n(.*?)```/s.exec(section('Quick start')) ?? [];
  expect(code.trim().split('\n').length).toBeLessThanOrEqual(25);
});
