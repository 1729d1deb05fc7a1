import { constants } from 'node:buffer';
import { describe, expect, it, vi } from 'vitest';
import { encodeFieldValue, requireSealableLength } from '../../src/cipher/field-cipher.js';
import { MOST_PAYLOAD_BYTES } from '../../src/crypto/aes.js';
import { MOST_FIELDS } from '../../src/document/document-draft.js';
import { encryptAny, KEY, note, setup, type Loose } from '../support/encryptor.js';
import { failure, failureOf, type Failure } from '../support/failure.js';
import { isSlow } from '../support/lane.js';

/** Some 120 000 arguments are the most. */
const MANY = 200_000;

function tooLong(path: string): Failure {
  return {
    name: 'RangeError',
    message: `The value at "${path}" is too long to be encrypted: its envelope would be longer than the longest string of Node.js, ${String(constants.MAX_STRING_LENGTH)} characters; store it in parts`,
  };
}

function tooMany(path: string): Failure {
  return {
    name: 'RangeError',
    message: `The list at "${path}" brings the document above 500000 separately encrypted values, which is the limit: declare the list as one field, or store it in parts`,
  };
}

describe('a value beyond the longest string', () => {
  it('is refused with its path, and nothing is read or written', async () => {
    const made = setup();
    const long = 'x'.repeat(MOST_PAYLOAD_BYTES + 1);
    const values: readonly [path: string, fields: Loose][] = [
      ['body', { body: long }],
      ['body', { body: new Uint8Array(MOST_PAYLOAD_BYTES + 1) }],
      ['tags[]', { tags: ['sound', long] }],
      ['meta.location', { meta: { location: long } }],
    ];
    for (const [path, fields] of values) {
      expect(await failure(encryptAny(made.encryptor, { ...KEY, ...fields }))).toEqual(
        tooLong(path),
      );
    }
    const open = await setup({ beside: made, enabled: false }).encryptor.openDocument(note, KEY);
    expect(failureOf(() => open.seal('body', long))).toEqual(tooLong('body'));
    expect(made.store.calls).toEqual({});
    expect(made.provider.calls).toEqual({});
  });

  it('is refused as JSON, too', () => {
    const stringify = vi.spyOn(JSON, 'stringify').mockImplementation(() => {
      // As V8 does for a text beyond the limit, which takes seconds and a gigabyte to make.
      throw new RangeError('Invalid string length');
    });
    const refusal = failureOf(() => encodeFieldValue(['x'], 'body'));
    stringify.mockRestore();
    expect(refusal).toEqual(tooLong('body'));
  });

  it('is measured in bytes, not in characters', () => {
    const fits = (text: string): boolean => {
      try {
        requireSealableLength(text, 'body', 12);
        return true;
      } catch (error) {
        expect(error).toMatchObject(tooLong('body'));
        return false;
      }
    };
    expect(['x'.repeat(12), 'é'.repeat(6), '€'.repeat(4), '😀'.repeat(3)].map(fits)).toEqual(
      new Array(4).fill(true),
    );
    expect(['x'.repeat(13), 'é'.repeat(7), '€'.repeat(5), '😀'.repeat(4)].map(fits)).toEqual(
      new Array(4).fill(false),
    );
  });

  it('begins just where its envelope would not fit', () => {
    const sealed = (payloadBytes: number): number =>
      Math.ceil(((12 + 1 + 16 + payloadBytes) * 4) / 3);
    expect(sealed(MOST_PAYLOAD_BYTES)).toBeLessThanOrEqual(constants.MAX_STRING_LENGTH);
    expect(sealed(MOST_PAYLOAD_BYTES + 1)).toBeGreaterThan(constants.MAX_STRING_LENGTH);
  });
});

describe('a list of declared fields', () => {
  it.runIf(isSlow)('may have more elements than a call may have arguments', async () => {
    const { encryptor, provider, store } = setup();
    const tags = Array.from({ length: MANY }, (_each, index) => String(index));
    const stored = await encryptor.encryptDocument(note, { ...KEY, tags });
    const opened = await encryptor.decryptDocument(note, stored);
    expect(opened.tags?.join()).toBe(tags.join());
    expect(provider.calls).toEqual({ currentVersion: 1, wrapKey: 1 });
    expect(store.calls['create']).toBe(1);
  });

  it('is checked once for each element', async () => {
    const { encryptor } = setup();
    let reads = 0;
    const seen = (length: number): Loose => {
      const lines = new Proxy(
        Array.from({ length }, () => 'x'),
        {
          get(target, name, receiver): unknown {
            if (typeof name === 'string' && /^\d+$/.test(name)) reads += 1;
            return Reflect.get(target, name, receiver) as unknown;
          },
        },
      );
      return { ...KEY, sections: [{ lines }] };
    };
    const readsOf = async (length: number): Promise<number> => {
      reads = 0;
      await encryptAny(encryptor, seen(length));
      return reads;
    };
    const [few, many] = [await readsOf(100), await readsOf(10_000)];
    expect(many - few).toBe(9_900);
  });

  it('may not have more than the limit, counted over the document', async () => {
    const made = setup();
    const refusals: readonly [path: string, fields: Loose][] = [
      ['tags[]', { tags: new Array<string>(MOST_FIELDS + 1) }],
      ['tags[]', { tags: new Array<string>(2 ** 32 - 1) }],
      ['sections[]', { sections: new Array<object>(MOST_FIELDS + 1) }],
      [
        'sections[].lines[]',
        {
          sections: [
            { lines: Array.from({ length: 10 }, () => 'x') },
            { lines: new Array<string>(MOST_FIELDS - 9) },
          ],
        },
      ],
    ];
    for (const [path, fields] of refusals) {
      expect(await failure(encryptAny(made.encryptor, { ...KEY, ...fields }))).toEqual(
        tooMany(path),
      );
    }
    expect(made.store.calls).toEqual({});
  });
});
