import { deepStrictEqual } from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyFieldValue, anyNote, anyText, asDecrypted } from '../support/arbitraries.js';
import {
  contentsOf,
  decryptAny,
  encryptAny,
  freezeDeep,
  KEY,
  note,
  setup,
  type Loose,
} from '../support/encryptor.js';

const { encryptor, memory } = setup();

describe('any document', () => {
  it('decrypts to itself, also after a trip through JSON, and is not changed', async () => {
    await fc.assert(
      fc.asyncProperty(anyNote, async (document) => {
        const copy = structuredClone(document);
        const stored = await encryptAny(encryptor, freezeDeep(document));
        deepStrictEqual(document, copy);
        const expected = asDecrypted(document);
        deepStrictEqual(await decryptAny(encryptor, freezeDeep(stored)), expected);
        const revived: unknown = JSON.parse(JSON.stringify(stored));
        const opened = await decryptAny(encryptor, revived);
        expect(JSON.stringify(opened)).toBe(JSON.stringify(expected));
      }),
    );
  });

  it('keeps the properties beside its declared fields in type and value', async () => {
    const created = new Date(0);
    const labels = new Map([['a', 1]]);
    await fc.assert(
      fc.asyncProperty(anyNote, fc.anything(), async (document, odd) => {
        const beside = { created, labels, odd, _etag: '"7"', _ts: 1n, pinned: Symbol.iterator };
        const stored = await encryptAny(encryptor, { ...document, ...beside });
        const opened = await decryptAny(encryptor, stored);
        for (const [name, value] of Object.entries(beside)) {
          expect(stored[name]).toBe(value);
          expect(opened[name]).toBe(value);
        }
        expect(Object.keys(stored)).toEqual(Object.keys({ ...document, ...beside }));
      }),
    );
  });

  it('holds only envelopes at its declared paths once stored', async () => {
    await fc.assert(
      fc.asyncProperty(anyNote, async (document) => {
        const stored = await encryptAny(encryptor, document);
        for (const value of valuesAt(stored)) {
          expect(value).toStrictEqual({
            _enc: 1,
            dekId: expect.stringMatching(/^[0-9a-f]{32}\.1$/) as string,
            mekVersion: 'env-2e78b39dca20f0b4',
            ct: expect.stringMatching(/^[A-Za-z0-9_-]{39,}$/) as string,
          });
        }
        expect(valuesAt(stored)).toHaveLength(valuesAt(document).length);
      }),
    );
  });

  it('shows no plaintext once stored, in the document or in the DEK store', async () => {
    const secret = fc.uuid().map((uuid) => `${uuid}${uuid}`);
    await fc.assert(
      fc.asyncProperty(fc.array(secret, { minLength: 6, maxLength: 6 }), async (secrets) => {
        const [title, body, tag, location, heading, line] = secrets;
        const stored = await encryptAny(encryptor, {
          ...KEY,
          title,
          body: { deep: [body], [String(body)]: 1 },
          tags: [tag],
          meta: { location },
          sections: [{ title: heading, lines: [line] }],
        });
        const text = JSON.stringify([stored, await contentsOf(memory)]);
        for (const each of secrets) {
          for (const encoding of ['utf8', 'base64', 'base64url', 'hex'] as const) {
            expect(text).not.toContain(Buffer.from(each).toString(encoding).slice(0, 16));
          }
        }
      }),
    );
  });

  it('can be sealed and opened field by field, with the same values', async () => {
    const open = await encryptor.openDocument(note, KEY, { createDek: true });
    await fc.assert(
      fc.asyncProperty(anyFieldValue, async (value) => {
        const body = open.seal('body', value);
        const { body: expected } = asDecrypted({ body: value });
        deepStrictEqual(open.open('body', body), expected);
        deepStrictEqual((await decryptAny(encryptor, { ...KEY, body }))['body'], expected);
      }),
    );
  });
});

describe('any key', () => {
  it('names a place of its own: documents round-trip under it', async () => {
    const part = anyText.filter((text) => text !== '');
    await fc.assert(
      fc.asyncProperty(part, part, async (workspaceId, id) => {
        const made = setup();
        const stored = await encryptAny(made.encryptor, { workspaceId, id, body: 'text' });
        expect(await decryptAny(made.encryptor, stored)).toEqual({ workspaceId, id, body: 'text' });
      }),
    );
  });

  it.each([200, 1_000, 1_100, 10_000, 200_000])('may have a part of %i bytes', async (length) => {
    const id = 'i'.repeat(length);
    const stored = await encryptAny(encryptor, { ...KEY, id, body: 'text' });
    expect(await decryptAny(encryptor, stored)).toEqual({ ...KEY, id, body: 'text' });
    expect(await decryptAny(encryptor, await encryptAny(encryptor, { ...KEY, body: 'b' }))).toEqual(
      {
        ...KEY,
        body: 'b',
      },
    );
  });
});

interface Parts {
  readonly title?: unknown;
  readonly body?: unknown;
  readonly tags?: unknown[] | null;
  readonly meta?: { readonly location?: unknown } | null;
  readonly sections?:
    ({ readonly title?: unknown; readonly lines?: unknown[] | null } | null)[] | null;
}

/** Every value that stands at a declared path. */
function valuesAt(document: Loose): unknown[] {
  const { title, body, tags, meta, sections } = document as Parts;
  const inSections = (sections ?? []).flatMap((each) => [each?.title, ...(each?.lines ?? [])]);
  const all = [title, body, ...(tags ?? []), meta?.location, ...inSections];
  return all.filter((value) => value !== undefined);
}
