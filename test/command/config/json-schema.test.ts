/** The published JSON Schema. Needs `dist`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { configJsonSchema, JSON_SCHEMA_FILE } from '../../../command/config/json-schema.js';
import { DEFINITION, DOCUMENTS, PRODUCT, ROOT } from './config-folder.js';
import { MISTAKES } from './mistakes.js';

const published: unknown = JSON.parse(
  readFileSync(join(ROOT, 'dist/command', JSON_SCHEMA_FILE), 'utf8'),
);
const isValid = new Ajv({ strict: false }).compile(published as object);

/** What no JSON Schema says: the library, or settings beside them, decide. */
const BEYOND = [
  'a hexadecimal key in that place',
  'two providers of one name',
  'previous record keys alone',
  'a field of the key',
  'fields that overlap',
  'a copy of an unknown collection',
  'a soak without a unit',
];

describe('the JSON Schema of the configuration', () => {
  it('is that of the command which is built', () => {
    expect(published).toEqual(configJsonSchema());
  });

  it('accepts a configuration, with its own address', () => {
    const notes = { definition: DEFINITION, documentStore: DOCUMENTS };
    const $schema = `./node_modules/@bytelyst/field-encrypt/dist/command/${JSON_SCHEMA_FILE}`;
    const products = { notelett: { ...PRODUCT, collections: { notes } } };
    expect(isValid({ $schema, products })).toBe(true);
  });

  it.each(MISTAKES.filter(({ what }) => !BEYOND.includes(what)))('refuses $what', ({ product }) => {
    expect(isValid({ products: { notelett: product } })).toBe(false);
  });

  it('describes every property that is not plain', () => {
    const text = JSON.stringify(published);
    for (const word of ['The SQLite file', 'The name of the key, without a version']) {
      expect(text).toContain(word);
    }
  });
});
