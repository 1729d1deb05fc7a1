import { describe, expect, it } from 'vitest';
import type { FieldEncryptorOptions } from '../../src/index.js';
import { decryptAny, encryptAny, KEY, setup, type Loose } from '../support/encryptor.js';
import { failure, refused } from '../support/failure.js';

const plain = {
  ...KEY,
  title: 'A title of its own',
  body: null,
  tags: ['a', 'b'],
  meta: { location: 'Oslo, by the fjord', mood: 'good' },
  sections: [{ title: 'A section of its own', lines: ['x'], page: 1 }, null],
  pinned: true,
};
/** title, body, two tags, location, a section's title and its line. */
const DECLARED = 7;

type Mode = Pick<FieldEncryptorOptions, 'enabled' | 'mode'>;

const modes: readonly (readonly [name: string, Mode, passes: boolean, seals: boolean])[] = [
  ['strict', { mode: 'strict' }, false, true],
  ['migrate', { mode: 'migrate' }, true, true],
  ['enabled: false', { enabled: false }, true, false],
  ['enabled: false, migrate', { enabled: false, mode: 'migrate' }, true, false],
  ['the defaults', {}, false, true],
];

describe.each(modes)('in mode %s', (_name, options, passes, seals) => {
  it(seals ? 'a plain document is sealed' : 'a plain document stays plain', async () => {
    const { encryptor, memory } = setup(options);
    const stored = await encryptAny(encryptor, plain);
    if (seals) {
      const text = JSON.stringify(stored);
      expect(text.split('"_enc":1')).toHaveLength(DECLARED + 1);
      for (const secret of ['A title of its own', 'Oslo, by the fjord', 'A section of its own'])
        expect(text).not.toContain(secret);
      expect(stored).toMatchObject({ ...KEY, meta: { mood: 'good' }, pinned: true });
    } else {
      expect(stored).toStrictEqual(plain);
      expect(await memory.count({ product: encryptor.product })).toBe(0);
    }
    expect(encryptor.plaintextReads).toBe(0);
  });

  it('a sealed document opens', async () => {
    const writer = setup();
    const stored = await encryptAny(writer.encryptor, plain);
    const { encryptor } = setup({ beside: writer, ...options });
    expect(await decryptAny(encryptor, stored)).toStrictEqual(plain);
    expect(encryptor.plaintextReads).toBe(0);
  });

  it(passes ? 'plaintext passes and is counted' : 'plaintext is refused', async () => {
    const writer = setup();
    const stored = await encryptAny(writer.encryptor, plain);
    const { encryptor } = setup({ beside: writer, ...options });
    const cases: readonly [path: string, fields: Loose, count: number][] = [
      ['title', { title: 'plain' }, 1],
      ['body', { body: null }, 1],
      ['tags[]', { tags: [...(stored['tags'] as unknown[]), 'plain', 7] }, 2],
      ['meta.location', { meta: { location: 'plain' } }, 1],
      ['sections[].title', { sections: [{ title: 'plain' }] }, 1],
      ['sections[].lines[]', { sections: [{ lines: [null] }] }, 1],
    ];
    let counted = 0;
    for (const [path, fields, count] of cases) {
      const mixed = { ...stored, ...fields };
      if (passes) {
        const opened = await decryptAny(encryptor, mixed);
        expect(opened['title']).toBe('title' in fields ? 'plain' : 'A title of its own');
        counted += count;
      } else {
        expect(await failure(decryptAny(encryptor, mixed))).toEqual(
          refused(
            'PLAINTEXT_REFUSED',
            `The declared field "${path}" holds plaintext, and mode "strict" refuses it: backfill the collection, or read in mode "migrate" until that is done`,
          ),
        );
      }
      expect(encryptor.plaintextReads).toBe(counted);
    }
  });

  it('a sealed document with changes is written as it should be', async () => {
    const writer = setup();
    const stored = await encryptAny(writer.encryptor, plain);
    const { encryptor } = setup({ beside: writer, ...options });
    const again = await encryptAny(encryptor, { ...stored, title: 'T2' });
    expect({ ...again, title: '' }).toStrictEqual({ ...stored, title: '' });
    if (seals) expect(again['title']).toMatchObject({ _enc: 1 });
    else expect(again['title']).toBe('T2');
  });

  it('nothing is counted for a document that fails', async () => {
    const writer = setup();
    const { body } = await encryptAny(writer.encryptor, plain);
    const { encryptor } = setup({ beside: writer, ...options });
    const broken = { ...KEY, title: 'plain', body: { ...(body as Loose), ct: 'AAAA' } };
    expect(await failure(decryptAny(encryptor, broken))).toMatchObject({
      code: passes ? 'TAMPERED' : 'PLAINTEXT_REFUSED',
    });
    expect(encryptor.plaintextReads).toBe(0);
  });
});

describe('enabled: false', () => {
  it('needs no keys to write', async () => {
    const { encryptor, store, provider } = setup({ enabled: false });
    await encryptAny(encryptor, plain);
    expect(await decryptAny(encryptor, plain)).toStrictEqual(plain);
    expect(store.calls).toEqual({});
    expect(provider.calls).toEqual({});
  });
});
