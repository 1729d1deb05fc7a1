/** Adapters that break their contract in the ways that people write by mistake. */
import { describe, expect, it } from 'vitest';
import { decryptAny, encryptAny, KEY, note, PRODUCT, sealed, setup } from '../support/encryptor.js';
import { failure, refused } from '../support/failure.js';

describe('a key provider that unwraps to something else than bytes', () => {
  it.each([
    ['undefined', undefined],
    ['null', null],
    ['text of 32 characters', 'x'.repeat(32)],
    ['a list of 32 numbers', Array.from({ length: 32 }, () => 7)],
    ['an ArrayBuffer', new ArrayBuffer(32)],
  ])('is not believed: %s', async (_what, bytes) => {
    const made = setup();
    const stored = await encryptAny(made.encryptor, { ...KEY, body: 'text' });
    const reader = setup({ beside: made });
    reader.provider.after = () => bytes;
    expect(await failure(decryptAny(reader.encryptor, stored))).toEqual(
      broken('key provider "env" broke rule K4: unwrapKey returned no bytes'),
    );
    expect(reader.dekCache.size).toBe(0);
  });
});

describe('a key provider that wraps to nothing', () => {
  it.each([undefined, null])('is not believed: %s', async (wrap) => {
    const made = setup();
    made.provider.after = (method, result) => (method === 'wrapKey' ? wrap : result);
    expect(await failure(sealed(made.encryptor, 'text'))).toEqual(
      broken('key provider "env" broke rule K3: wrapKey returned a different wrap than requested'),
    );
    expect(await made.memory.count({ product: PRODUCT })).toBe(0);
  });
});

describe('a store that answers null, as for what is absent', () => {
  const answers: readonly [method: string, rule: string][] = [
    ['get', 'S2'],
    ['getMany', 'S3'],
    ['listScope', 'S4'],
    ['getItem', 'S9'],
  ];

  it.each(answers)('in %s is not believed, and mints nothing', async (name, rule) => {
    const made = setup();
    const stored = await encryptAny(made.encryptor, { ...KEY, body: 'text' });
    const other = await encryptAny(made.encryptor, { ...KEY, id: 'note-2', body: 'text' });
    const reader = setup({ beside: made });
    reader.store.after = (method, result) =>
      method === (name === 'getItem' ? 'getRotation' : name) ? null : result;
    const refusal = broken(`DEK store broke rule ${rule}: ${name} returned an unexpected value`);
    if (name === 'get') {
      expect(await failure(decryptAny(reader.encryptor, stored))).toEqual(refusal);
    } else if (name === 'getMany') {
      const list = [stored, other] as never[];
      const outcomes = await reader.encryptor.decryptDocuments(note, list);
      expect(outcomes).toMatchObject([
        { ok: false, error: refusal },
        { ok: false, error: refusal },
      ]);
    } else {
      expect(await failure(sealed(reader.encryptor, 'new'))).toEqual(refusal);
    }
    expect(await made.memory.count({ product: PRODUCT })).toBe(2);
  });
});

function broken(what: string): ReturnType<typeof refused> {
  return refused('ADAPTER_CONTRACT', `The ${what}; fix the adapter`);
}
