import { describe, expect, it } from 'vitest';
import { keepEnvelopes, type OpenedDocument } from '../../src/cipher/keep-envelopes.js';
import { defineDocument } from '../../src/index.js';
import { KEY, note, type Loose } from '../support/encryptor.js';
import { failureOf, refused } from '../support/failure.js';

/** Nothing here opens it, so its content is its name. */
function sealed(ct: string): Loose {
  return { _enc: 1, dekId: `${'0'.repeat(32)}.1`, mekVersion: 'v', ct };
}

const [A, B, C, D] = ['a', 'b', 'c', 'd'].map(sealed);

function kept(stored: Loose, opened: Loose, changed: Loose): Loose {
  const before = { stored: { ...KEY, ...stored }, opened: { ...KEY, ...opened } };
  return keepEnvelopes(note, before, { ...KEY, ...changed });
}

describe('keepEnvelopes', () => {
  it('keeps the envelope of a declared value that is deeply equal', () => {
    const stored = { title: A, body: B, meta: { location: C, mood: 'calm' } };
    const opened = {
      title: 'Plans',
      body: { lines: [1, { two: [2] }] },
      meta: { location: new Uint8Array([1, 2]), mood: 'calm' },
    };
    const changed = {
      title: 'Other plans',
      body: { lines: [1, { two: [2] }] },
      meta: { location: Buffer.from([1, 2]), mood: 'wild' },
    };
    expect(kept(stored, opened, changed)).toEqual({
      ...KEY,
      title: 'Other plans',
      body: B,
      meta: { location: C, mood: 'wild' },
    });
  });

  it.each([
    ['another type', '1', 1],
    ['null for absent', null, undefined],
    ['a changed element', [1, 2], [2, 1]],
    ['another byte', new Uint8Array([1, 2]), new Uint8Array([1, 3])],
    ['bytes for a list', [1, 2], new Uint8Array([1, 2])],
    ['a Date for its text', { at: '2026-01-01T00:00:00.000Z' }, { at: new Date('2026-01-01') }],
    ['a property more', { a: 1 }, { a: 1, b: undefined }],
  ])('leaves a value that differs as it is: %s', (_what, opened, body) => {
    expect(kept({ body: A }, { body: opened }, { body })).toStrictEqual({ ...KEY, body });
  });

  it('leaves the documents that are passed in as they are', () => {
    const stored = { tags: [A, B], meta: { location: C } };
    const opened = { tags: ['x', 'y'], meta: { location: 'here' } };
    const changed = { tags: ['y', 'z'], meta: { location: 'here' } };
    const copies = structuredClone([stored, opened, changed]);
    kept(stored, opened, changed);
    expect([stored, opened, changed]).toEqual(copies);
  });

  it('keeps a null, an empty container and what is not declared', () => {
    const changed = { title: null, tags: [], meta: null, pinned: true };
    expect(kept({ title: A, tags: [B] }, { title: null, tags: ['x'] }, changed)).toEqual({
      ...KEY,
      title: A,
      tags: [],
      meta: null,
      pinned: true,
    });
  });

  it('drops the envelope of a field that was removed', () => {
    expect(kept({ title: A, body: B }, { title: 'x', body: 'y' }, { body: 'y' })).toEqual({
      ...KEY,
      body: B,
    });
  });
});

describe('keepEnvelopes, in lists', () => {
  const stored = { tags: [A, B, C] };

  it.each([
    ['unchanged', ['x', 'y', 'z'], [A, B, C]],
    ['one removed in front', ['y', 'z'], [B, C]],
    ['one added in front', ['new', 'x', 'y', 'z'], ['new', A, B, C]],
    ['reversed', ['z', 'y', 'x'], [C, B, A]],
    ['one changed', ['x', 'new', 'z'], [A, 'new', C]],
  ])('an element keeps its envelope when it moves: %s', (_what, tags, expected) => {
    expect(kept(stored, { tags: ['x', 'y', 'z'] }, { tags })['tags']).toEqual(expected);
  });

  it.each([
    ['a copy in front', ['x', 'x'], ['new', 'x', 'x', 'x'], ['new', B, A, 'x']],
    ['all equal', ['x', 'x'], ['x', 'x'], [A, B]],
    ['one of two removed', ['x', 'x'], ['x'], [A]],
    ['in place before elsewhere', ['x', 'y'], ['y', 'y'], ['y', B]],
  ])('no envelope is used twice: %s', (_what, opened, tags, expected) => {
    expect(kept({ tags: [A, B] }, { tags: opened }, { tags })['tags']).toEqual(expected);
  });

  it('objects and bytes move as well, and values that JSON cannot hold stay for the refusal', () => {
    const opened = { tags: [{ a: [1] }, new Uint8Array([7]), 7] };
    const cycle: unknown[] = [];
    cycle.push(cycle);
    const tags = [7n, cycle, undefined, 7, Buffer.from([7]), { a: [1] }];
    expect(kept(stored, opened, { tags })['tags']).toStrictEqual([7n, cycle, undefined, C, B, A]);
  });

  it('fields of list elements keep theirs, whatever is between them', () => {
    const sections = [{ title: A, lines: [B], page: 1 }, null, { title: C, lines: [D], page: 2 }];
    const opened = [
      { title: 'x', lines: ['l'], page: 1 },
      null,
      { title: 'y', lines: ['m'], page: 2 },
    ];
    const changed = [{ title: 'y', lines: ['m', 'l'], page: 2 }, { title: 'new' }, { title: 'x' }];
    expect(kept({ sections }, { sections: opened }, { sections: changed })['sections']).toEqual([
      { title: C, lines: [D, B], page: 2 },
      { title: 'new' },
      { title: A },
    ]);
  });

  it('no envelope moves to another path, even where path and value read alike', () => {
    const odd = defineDocument<{ id: string; a: { b: string; 'b c': string }[] }>()({
      collection: 'odd',
      key: ['id'],
      fields: ['a[].b', 'a[].b c'],
    });
    const before: OpenedDocument = {
      stored: { id: '1', a: [{ b: A }, { 'b c': B }] },
      opened: { id: '1', a: [{ b: 'x' }, { 'b c': 'y' }] },
    };
    const changed = { id: '1', a: [{ b: 'y', 'b c': 'x' }] };
    expect(keepEnvelopes(odd, before, changed)).toEqual(changed);
  });
});

describe('keepEnvelopes, where stored and opened document do not match', () => {
  it('pairs values by their place: a container that was sealed as a whole shifts nothing', () => {
    const wide = defineDocument<{ id: string; items: { meta: { place: string } }[] }>()({
      collection: 'wide',
      key: ['id'],
      fields: ['items[].meta.place'],
    });
    const opened = { id: '1', items: [{ meta: { place: 'x' } }, { meta: { place: 'y' } }] };
    const stored = { id: '1', items: [{ meta: A }, { meta: { place: B } }] };
    expect(keepEnvelopes(wide, { stored, opened }, structuredClone(opened))).toEqual({
      id: '1',
      items: [{ meta: { place: 'x' } }, { meta: { place: B } }],
    });
  });

  it('seals plaintext, and what has another shape', () => {
    const opened = { title: 'x', tags: ['y'], body: 'z' };
    const stored = { title: 'x', tags: { 0: A }, body: ['z'] };
    expect(kept(stored, opened, { ...opened })).toEqual({ ...KEY, ...opened });
  });
});

describe('keepEnvelopes refuses', () => {
  const text = (path: string): string =>
    `The value at "${path}" looks like an envelope, and a decrypted document was expected: no value may have a property named "_enc"`;

  it.each([
    ['title', { title: A }],
    ['tags[]', { tags: ['x', B] }],
    ['body', { body: { _enc: 'anything' } }],
  ])('an envelope at %s, its own stored one included', (path, changed) => {
    const stored = { title: A, tags: [A, B] };
    const opened = { title: 'x', tags: ['x', 'y'] };
    const expected = refused('ENVELOPE_REFUSED', text(path));
    expect(failureOf(() => kept(stored, opened, changed))).toEqual(expected);
    expect(failureOf(() => keepEnvelopes(note, undefined, { ...KEY, ...changed }))).toEqual(
      expected,
    );
  });

  it('a document that would not be stored as it is', () => {
    const toJSON = (): object => ({});
    expect(() => kept({}, {}, { toJSON })).toThrow(
      'The document has a function "toJSON", which would decide what is stored: pass the plain object that it returns',
    );
  });
});
