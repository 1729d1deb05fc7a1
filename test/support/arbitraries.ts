import fc from 'fast-check';
import { KEY, type Loose, type Note } from './encryptor.js';

/** Strings of every kind, emoji and U+0000 among them; never a lone surrogate. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom(
    '',
    '\u0000',
    'a\u0000b',
    '\ufeffx',
    '🔑👩‍💻',
    'cafe\u0301',
    '{"_enc":1}',
    '\u2028',
  ),
);

/** JSON with keys that trip naive code. */
const trickyObject: fc.Arbitrary<unknown> = fc
  .dictionary(
    fc.oneof(
      fc.constantFrom(
        '__proto__',
        'constructor',
        'toJSON',
        'a.b',
        'a/b',
        '~0',
        'x[]',
        '',
        '\u0000',
      ),
      anyText,
    ),
    fc.jsonValue({ stringUnit: 'binary' }),
  )
  .map((value) => normalJson(value));

export const anyJson: fc.Arbitrary<unknown> = fc.oneof(
  anyText,
  fc.jsonValue({ stringUnit: 'binary' }).map(normalJson),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  trickyObject,
  fc.constantFrom(null, true, false, 0, -0, [], {}, 2 ** 53 + 2, Number.MIN_VALUE),
  fc.constantFrom(JSON.parse('{"__proto__":{"polluted":true},"nested":{"_enc_":1}}') as unknown, {
    nested: { _enc: 1 },
  }),
);

export const anyBytes: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 300 });

/** What may stand in a declared field. */
export const anyFieldValue: fc.Arbitrary<unknown> = fc
  .oneof({ weight: 4, arbitrary: anyJson }, { weight: 1, arbitrary: anyBytes })
  .filter((value) => !hasLookAlike(value));

function hasLookAlike(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.hasOwn(value, '_enc') || Object.values(value).some(hasLookAlike);
}

const anyElements = fc.array(anyFieldValue, { maxLength: 4 });

/** A note with declared fields of every kind, and properties beside them. */
export const anyNote: fc.Arbitrary<Loose> = fc
  .record(
    {
      title: anyFieldValue,
      body: anyFieldValue,
      tags: fc.option(anyElements),
      meta: fc.option(
        fc.record(
          { location: anyFieldValue, mood: anyJson },
          { requiredKeys: [], noNullPrototype: true },
        ),
      ),
      sections: fc.option(
        fc.array(
          fc.option(
            fc.record(
              { title: anyFieldValue, lines: fc.option(anyElements), page: anyJson },
              { requiredKeys: [], noNullPrototype: true },
            ),
          ),
          { maxLength: 3 },
        ),
      ),
      _etag: fc.string(),
      pinned: fc.boolean(),
      labels: anyJson,
    },
    { requiredKeys: [], noNullPrototype: true },
  )
  .map((fields) => ({ ...KEY, ...fields }));

/** The value as JSON gives it back. */
export function normalJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}

/** A note as decryption gives it back: JSON has no `-0`, and says nothing of prototypes. */
export function asDecrypted(document: Loose): Loose {
  const { title, body, tags, meta, sections } = document as Partial<Note>;
  const copy: Loose = { ...document };
  if ('title' in document) copy['title'] = sealable(title);
  if ('body' in document) copy['body'] = sealable(body);
  if (tags) copy['tags'] = tags.map(sealable);
  if (meta && 'location' in meta) copy['meta'] = { ...meta, location: sealable(meta.location) };
  if (sections) {
    copy['sections'] = sections.map((section) => {
      if (section === null) return null;
      return {
        ...section,
        ...('title' in section && { title: sealable(section.title) }),
        ...(section.lines && { lines: section.lines.map(sealable) }),
      };
    });
  }
  return copy;
}

function sealable(value: unknown): unknown {
  return value instanceof Uint8Array ? new Uint8Array(value) : normalJson(value);
}
