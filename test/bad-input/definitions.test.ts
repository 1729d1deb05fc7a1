import { describe, expect, it } from 'vitest';
import {
  decryptAny,
  encryptAny,
  KEY,
  looseDefinition,
  note,
  setup,
  type Loose,
} from '../support/encryptor.js';
import { failure, failureOf } from '../support/failure.js';

const KEY_NAMES = ['workspaceId', 'id'];

function typeError(message: string): Loose {
  return { name: 'TypeError', message };
}

function rangeError(message: string): Loose {
  return { name: 'RangeError', message };
}

const ODD = 'has a property name with one of . [ ] { } * #';

describe('a definition is refused', () => {
  const overlaps: readonly [fields: string[], one: string, other: string][] = [
    [['body', 'body'], 'body', 'body'],
    [['meta', 'meta.location'], 'meta', 'meta.location'],
    [['meta.location', 'meta'], 'meta.location', 'meta'],
    [['a.b.c', 'a.b'], 'a.b.c', 'a.b'],
    [['a.b', 'a.b.c'], 'a.b', 'a.b.c'],
    [['tags', 'tags[]'], 'tags', 'tags[]'],
    [['tags[]', 'tags'], 'tags[]', 'tags'],
    [['tags[]', 'tags[].name'], 'tags[]', 'tags[].name'],
    [['tags[].name', 'tags[]'], 'tags[].name', 'tags[]'],
    [['tags[].name', 'tags.name'], 'tags[].name', 'tags.name'],
    [['tags[].name', 'tags[].name'], 'tags[].name', 'tags[].name'],
  ];

  it.each(overlaps)('for paths that overlap: %j', (fields, one, other) => {
    expect(failureOf(() => looseDefinition('notes', KEY_NAMES, fields))).toEqual(
      rangeError(`The field paths "${one}" and "${other}" overlap`),
    );
  });

  it.each([
    ['id', 'id'],
    ['workspaceId', 'workspaceId'],
    ['id[]', 'id[]'],
    ['id.part', 'id'],
  ])('for a path in a key part: %s', (field, named) => {
    expect(failureOf(() => looseDefinition('notes', KEY_NAMES, ['body', field]))).toEqual(
      rangeError(`The field path "${named}" is part of the document's key`),
    );
  });

  it.each(['__proto__', 'prototype', 'constructor', '_enc'])('for the name "%s"', (name) => {
    const where = [name, `a.${name}`, `a[].${name}`, `${name}.a`, `${name}[]`];
    for (const path of where) {
      expect(failureOf(() => looseDefinition('notes', KEY_NAMES, [path]))).toEqual(
        rangeError(`The field path "${path}" uses the reserved name "${name}"`),
      );
    }
    expect(failureOf(() => looseDefinition('notes', [name], ['body']))).toEqual(
      rangeError(`The key uses the reserved name "${name}"`),
    );
  });

  it.each(['a[', 'a]', '[a]', 'a[0]', 'a{', '{name}', '*', 'a*', '#', 'a#b', 'a[][]', '[]a'])(
    'for the odd characters of %s',
    (path) => {
      expect(failureOf(() => looseDefinition('notes', KEY_NAMES, [path]))).toEqual(
        rangeError(`The field path "${path}" ${ODD}`),
      );
      expect(failureOf(() => looseDefinition('notes', [path], ['body']))).toEqual(
        rangeError(`The key ${ODD}`),
      );
    },
  );

  it.each(['', '.', 'a.', '.a', 'a..b', '[]', 'a.[]'])(
    'for a path with an empty name: "%s"',
    (path) => {
      expect(failureOf(() => looseDefinition('notes', KEY_NAMES, [path]))).toEqual(
        typeError(`The field path "${path}" has an empty property name`),
      );
    },
  );

  it('for a lone surrogate in a path or a key', () => {
    expect(failureOf(() => looseDefinition('notes', KEY_NAMES, ['a\ud800']))).toEqual(
      rangeError('The field path "a\ud800" has a lone surrogate'),
    );
    expect(failureOf(() => looseDefinition('notes', ['a\ud800'], ['body']))).toEqual(
      rangeError('The key has a lone surrogate'),
    );
  });

  it.each([[[]], [undefined], [null], ['body'], [{}], [{ 0: 'body', length: 1 }]])(
    'for %j in place of a list',
    (list) => {
      expect(failureOf(() => looseDefinition('notes', KEY_NAMES, list))).toEqual(
        typeError('"fields" expected a list with at least one entry'),
      );
      expect(failureOf(() => looseDefinition('notes', list, ['body']))).toEqual(
        typeError('"key" expected a list with at least one entry'),
      );
    },
  );

  it.each([1, null, undefined, {}, ['a']])('for %j in place of a name', (entry) => {
    expect(failureOf(() => looseDefinition('notes', KEY_NAMES, [entry]))).toEqual(
      typeError('"fields" expected paths as strings'),
    );
    expect(failureOf(() => looseDefinition('notes', [entry], ['body']))).toEqual(
      typeError('The key has an empty property name'),
    );
  });

  it('for a key that names a property twice', () => {
    expect(failureOf(() => looseDefinition('notes', ['id', 'id'], ['body']))).toEqual(
      rangeError('"key" names a property twice'),
    );
  });

  it.each([
    [undefined, 'a non-empty string, got undefined'],
    [1, 'a non-empty string, got a number'],
    ['', 'a non-empty string, got an empty one'],
    ['a\ud800', 'well-formed Unicode, got a lone surrogate'],
  ])('for the collection %j', (collection, what) => {
    expect(failureOf(() => looseDefinition(collection, KEY_NAMES, ['body']))).toEqual(
      typeError(`"collection" expected ${what}`),
    );
  });
});

describe('a definition', () => {
  it('cannot be changed after it was made', () => {
    const fields = ['body'];
    const made = looseDefinition('notes', KEY_NAMES, fields);
    fields.push('title');
    expect(made.fields).toEqual(['body']);
    for (const frozen of [made, made.fields, made.key]) expect(Object.isFrozen(frozen)).toBe(true);
  });

  it('takes names that objects inherit', async () => {
    const names = ['toString', 'hasOwnProperty', 'valueOf', 'toJSON', 'then', 'length'];
    const odd = looseDefinition('notes', KEY_NAMES, names);
    const { encryptor } = setup();
    expect(await encryptAny(encryptor, KEY, odd)).toStrictEqual(KEY);
    const document = { ...KEY, ...Object.fromEntries(names.map((name) => [name, `of ${name}`])) };
    const stored = await encryptAny(encryptor, document, odd);
    expect(await decryptAny(encryptor, JSON.parse(JSON.stringify(stored)), odd)).toEqual(document);
  });
});

describe('a document', () => {
  const { encryptor } = setup();

  it.each([
    [undefined, 'a non-empty string, got undefined'],
    [null, 'a non-empty string, got null'],
    [1, 'a non-empty string, got a number'],
    [new Date(0), 'a non-empty string, got a class instance'],
    [['note-1'], 'a non-empty string, got an array'],
    ['', 'a non-empty string, got an empty one'],
    ['\udc00', 'well-formed Unicode, got a lone surrogate'],
  ])('with the key part %j is refused', async (id, what) => {
    const document = { ...KEY, id: id as string, body: 'text' };
    const refusal = typeError(`"id" expected ${what}`);
    expect(await failure(encryptAny(encryptor, document))).toEqual(refusal);
    expect(await failure(decryptAny(encryptor, document))).toEqual(refusal);
    const key = { ...KEY, id: id as string };
    expect(await failure(encryptor.openDocument(note, key))).toEqual(refusal);
    expect(await failure(encryptor.shred(note, key))).toEqual(refusal);
  });

  it('that inherits a key part is refused', async () => {
    const heir = Object.assign(Object.create(null) as Loose, { workspaceId: 'ws-1', body: 'text' });
    expect(await failure(encryptAny(encryptor, heir))).toEqual(
      typeError('"id" expected a non-empty string, got undefined'),
    );
  });

  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    ['text', 'a string'],
    [[], 'an array'],
    [new Date(0), 'a class instance'],
    [() => KEY, 'a function'],
  ])('that is %s is refused', async (document, got) => {
    const refusal = typeError(`"document" expected a plain object, got ${got}`);
    expect(await failure(encryptAny(encryptor, document))).toEqual(refusal);
    expect(await failure(decryptAny(encryptor, document))).toEqual(refusal);
  });

  it('of another Unicode normal form is another document', async () => {
    const [composed, decomposed] = ['caf\u00e9', 'cafe\u0301'].map((id) => ({ ...KEY, id }));
    const stored = await encryptAny(encryptor, { ...composed, body: 'text' });
    expect(await failure(decryptAny(encryptor, { ...stored, ...decomposed }))).toMatchObject({
      code: 'TAMPERED',
    });
    expect(await decryptAny(encryptor, stored)).toEqual({ ...composed, body: 'text' });
  });

  it('with a dot in a property name does not stand for a nested path', async () => {
    const document = { ...KEY, 'meta.location': 'stays', 'tags[]': 'too' };
    expect(await encryptAny(encryptor, document)).toStrictEqual(document);
  });
});
