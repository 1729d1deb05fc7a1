import { describe, expect, it } from 'vitest';
import {
  contentsOf,
  decryptAny,
  encryptAny,
  KEY,
  sealed,
  setup,
  type Loose,
} from '../support/encryptor.js';
import { describeError, failure, refused, tampered } from '../support/failure.js';

const OBJECT = 'a plain object';
const ARRAY = 'an array';

interface Misshapen {
  readonly name: string;
  readonly fields: Loose;
  readonly path: string;
  readonly expected: string;
  readonly got: string;
}

function at(
  path: string,
  expected: string,
  place: (value: unknown) => Loose,
  values: readonly (readonly [got: string, value: unknown])[],
): Misshapen[] {
  return values.map(([got, value]) => {
    return { name: `${got} at ${path}`, fields: place(value), path, expected, got };
  });
}

const scalars: readonly (readonly [string, unknown])[] = [
  ['a string', 'secret'],
  ['a string', ''],
  ['a number', 0],
  ['a boolean', false],
];
const unstorable: readonly (readonly [string, unknown])[] = [
  ['a bigint', 1n],
  ['a symbol', Symbol('secret')],
  ['a function', () => 'secret'],
  ['an instance of Date', new Date(0)],
  ['an instance of Map', new Map([['location', 'secret']])],
  ['an instance of Uint8Array', Uint8Array.of(1)],
];
const arrays: readonly (readonly [string, unknown])[] = [
  ['an array', []],
  ['an array', [{ location: 'secret' }]],
];
const objects: readonly (readonly [string, unknown])[] = [
  ['an object', {}],
  ['an object', { 0: 'secret', length: 1 }],
];

const inJson: readonly Misshapen[] = [
  ...at('meta', OBJECT, (meta) => ({ meta }), [...scalars, ...arrays]),
  ...at('tags[]', ARRAY, (tags) => ({ tags }), [...scalars, ...objects]),
  ...at('sections[]', ARRAY, (sections) => ({ sections }), [...scalars, ...objects]),
  ...at('sections[]', OBJECT, (each) => ({ sections: [{ title: 'a' }, each] }), [
    ...scalars,
    ...arrays,
  ]),
  ...at('sections[].lines[]', ARRAY, (lines) => ({ sections: [{ lines }] }), [
    ...scalars,
    ...objects,
  ]),
];
const inMemory: readonly Misshapen[] = [
  ...at('meta', OBJECT, (meta) => ({ meta }), unstorable),
  ...at('tags[]', ARRAY, (tags) => ({ tags }), unstorable),
  ...at('sections[]', OBJECT, (each) => ({ sections: [each] }), unstorable),
];

describe('a container of the wrong shape', () => {
  it.each([...inJson, ...inMemory])('is refused on write: $name', async (misshapen) => {
    for (const options of [{}, { mode: 'migrate' as const }, { enabled: false }]) {
      const made = setup(options);
      const before = await contentsOf(made.memory);
      const document = { ...KEY, title: 'sound', ...misshapen.fields };
      expect(await failure(encryptAny(made.encryptor, document))).toEqual({
        name: 'TypeError',
        message: `The value at "${misshapen.path}" expected ${misshapen.expected}, because fields in it are encrypted; got ${misshapen.got}`,
      });
      expect(await contentsOf(made.memory)).toEqual(before);
      expect(made.store.calls).toEqual({});
    }
  });

  it.each(inJson)('is refused on read in strict mode: $name', async ({ fields, path }) => {
    const made = setup();
    expect(await failure(decryptAny(made.encryptor, { ...KEY, ...fields }))).toEqual(
      refused(
        'PLAINTEXT_REFUSED',
        `The declared field "${path}" holds plaintext, and mode "strict" refuses it: backfill the collection, or read in mode "migrate" until that is done`,
      ),
    );
    expect(made.store.calls).toEqual({});
    expect(made.encryptor.plaintextReads).toBe(0);
  });

  const soundTitles = (fields: Loose): number =>
    Array.isArray(fields['sections']) && fields['sections'].length === 2 ? 1 : 0;

  it.each(inJson)('passes on read in mode "migrate", and is counted: $name', async ({ fields }) => {
    for (const options of [{ mode: 'migrate' as const }, { enabled: false }]) {
      const made = setup(options);
      const stored = { ...KEY, ...fields };
      expect(await decryptAny(made.encryptor, stored)).toStrictEqual(stored);
      expect(made.encryptor.plaintextReads).toBe(1 + soundTitles(fields));
    }
  });
});

describe('a container that is null or absent', () => {
  it.each([
    { meta: null, tags: null, sections: null },
    { meta: undefined, tags: undefined, sections: undefined },
    { meta: {}, tags: [], sections: [] },
    { sections: [null, { lines: null }, {}] },
    { meta: { mood: 'not declared' }, sections: [{ page: 'not declared' }] },
    {},
  ])('passes both ways without a key: %j', async (fields) => {
    const { encryptor, store, provider } = setup();
    const document = { ...KEY, ...fields };
    const stored = await encryptAny(encryptor, document);
    expect(stored).toStrictEqual(document);
    expect(await decryptAny(encryptor, stored)).toStrictEqual(document);
    expect(store.calls).toEqual({});
    expect(provider.calls).toEqual({});
    expect(encryptor.plaintextReads).toBe(0);
  });
});

function foreignAt(path: string): string {
  return `The value at "${path}" is an envelope of another document, where fields are declared inside it; a changed definition looks the same; restore the document from a backup`;
}

function otherDefinitionAt(path: string): string {
  return `The value at "${path}" is an envelope that another definition of "notes" sealed: add "${path}" to "former", or to "fields" where it is still encrypted`;
}

describe('an envelope in place of a container', () => {
  const places: readonly [place: string, path: string, fields: (envelope: unknown) => Loose][] = [
    ['meta', 'meta', (meta) => ({ meta })],
    ['tags', 'tags[]', (tags) => ({ tags })],
    ['sections', 'sections[]', (sections) => ({ sections })],
    ['sections[0]', 'sections[]', (each) => ({ sections: [each] })],
    ['sections[0].lines', 'sections[].lines[]', (lines) => ({ sections: [{ lines }] })],
  ];

  /** The document with an envelope of its own there, and with one of another document. */
  async function misplaced(
    made: ReturnType<typeof setup>,
    fields: (envelope: unknown) => Loose,
  ): Promise<{ own: Loose; foreign: Loose }> {
    const other = await encryptAny(made.encryptor, { ...KEY, id: 'other', body: 'text' });
    return {
      own: { ...KEY, ...fields(await sealed(made.encryptor, 'text')) },
      foreign: { ...KEY, ...fields(other['body']) },
    };
  }

  it.each(places)('is refused at %s, in every mode and both ways', async (place, path, fields) => {
    const made = setup();
    const { own, foreign } = await misplaced(made, fields);
    const before = await contentsOf(made.memory);
    for (const options of [{}, { mode: 'migrate' as const }, { enabled: false }]) {
      const { encryptor } = setup({ beside: made, ...options });
      for (const stored of [own, foreign]) {
        const outcome = await decryptAny(encryptor, stored).catch(describeError);
        const isStrict = Object.keys(options).length === 0;
        if (stored === foreign) expect(outcome).toEqual(tampered(foreignAt(path)));
        else if (isStrict)
          expect(outcome).toEqual(
            refused('DEFINITION_MISMATCH', otherDefinitionAt(place.replace('[0]', '[]'))),
          );
        else expect(outcome).toEqual(stored);
      }
      expect(await failure(encryptAny(encryptor, own))).toEqual(
        refused(
          'ENVELOPE_REFUSED',
          `The value at "${place}" looks like an envelope of this document, and the definition declares no field there: remove it; where an earlier definition sealed it, add its path to "former"`,
        ),
      );
      expect(await failure(encryptAny(encryptor, foreign))).toEqual(
        refused(
          'ENVELOPE_REFUSED',
          `The value at "${path}" looks like an envelope but is not one of this document's own: no value may have a property named "_enc"`,
        ),
      );
      expect(encryptor.plaintextReads).toBe(0);
    }
    expect(await contentsOf(made.memory)).toEqual(before);
  });
});
