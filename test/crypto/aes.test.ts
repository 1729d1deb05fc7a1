import { createCipheriv, createSecretKey, randomBytes } from 'node:crypto';
import { afterEach, expect, it, vi } from 'vitest';
import { openText, sealToText } from '../../src/crypto/aes.js';

const key = createSecretKey(randomBytes(32));
const aad = randomBytes(64);
const cipherPrototype = Object.getPrototypeOf(
  createCipheriv('aes-256-gcm', key, randomBytes(12)),
) as { update(data: Uint8Array): Buffer };

afterEach(() => {
  vi.restoreAllMocks();
});

it.each([
  ['short text', 'attack at dawn'],
  ['text beyond the scratch', 'attack at dawn, '.repeat(8_000)],
  ['bytes', new Uint8Array(300).fill(7)],
])('the plaintext does not stay behind in memory after sealing: %s', (_what, payload) => {
  const update = vi.spyOn(cipherPrototype, 'update');
  const sealed = sealToText(key, { marker: 1, payload }, aad);
  const [[bytes] = []] = update.mock.calls;
  expect(bytes?.length).toBe(1 + payload.length);
  expect(bytes?.every((byte) => byte === 0)).toBe(true);
  const opened = openText(key, sealed, aad);
  expect(opened?.subarray(1).equals(Buffer.from(payload as string))).toBe(true);
});

it('text and bytes of every length around the scratch buffer come back', () => {
  for (const length of [0, 1, 21_844, 21_845, 21_846, 49_123, 49_124, 65_535, 65_536, 200_000]) {
    for (const payload of [
      'é'.repeat(length),
      '\u{1F510}'.repeat(length / 2),
      'a'.repeat(length),
    ]) {
      const opened = openText(key, sealToText(key, { marker: 1, payload }, aad), aad);
      expect(opened?.toString('utf8', 1) === payload, `${String(length)} characters`).toBe(true);
    }
    const bytes = randomBytes(length);
    const opened = openText(key, sealToText(key, { marker: 3, payload: bytes }, aad), aad);
    expect(opened?.subarray(1).equals(bytes), `${String(length)} bytes`).toBe(true);
  }
});

/** Other texts that Node's decoder reads as the same bytes, or nearly. */
const FORMS: Readonly<Record<string, (text: string) => string>> = {
  'a plus in the place of a hyphen': (text) => text.replace('-', '+'),
  'a slash in the place of an underscore': (text) => text.replace('_', '/'),
  'a character above 255 with the same low byte': (text) =>
    text.replace(/[A-Z]/, (letter) => String.fromCharCode(letter.charCodeAt(0) + 0x100)),
  padding: (text) => `${text}=`,
  'a line feed at the end': (text) => `${text}\n`,
  'a space inside': (text) => `${text.slice(0, 8)} ${text.slice(8)}`,
  'one character more': (text) => `${text}A`,
  'bits after the last byte': (text) =>
    text.slice(0, -1) + String.fromCharCode(text.charCodeAt(text.length - 1) + 1),
};

/** Sealed until the text has every character that a form changes. */
function sealedText(length: number): string {
  for (;;) {
    const sealed = sealToText(key, { marker: 1, payload: 'x'.repeat(length) }, aad);
    if (/-/.test(sealed) && /_/.test(sealed) && /[A-Z]/.test(sealed) && /[A-Y]$/.test(sealed))
      return sealed;
  }
}

// Of the last characters, one, two and none have bits that are left over.
it.each(
  Object.keys(FORMS).flatMap((form) => [198, 199, 200].map((length) => [form, length] as const)),
)('no text opens but the one that was written: %s, %i characters', (form, length) => {
  const sealed = sealedText(length);
  const other = FORMS[form]?.(sealed) ?? '';
  expect(openText(key, sealed, aad)?.length).toBe(1 + length);
  expect(other).not.toBe(sealed);
  expect(openText(key, other, aad)).toBeUndefined();
});

it('reads a text as canonical exactly where encoding its bytes gives it again', () => {
  const alphabet = 'AQgwBZ09-_+/=\n .\u0141\u00e9\u{1F600}';
  for (let seed = 1; seed <= 3_000; seed += 1) {
    const text = mixed(sealToText(key, { marker: 1, payload: 'x' }, aad), alphabet, seed);
    const isCanonical = Buffer.from(text, 'base64url').toString('base64url') === text;
    if (!isCanonical) expect(openText(key, text, aad), JSON.stringify(text)).toBeUndefined();
  }
});

/** Replaces one character, chosen by the seed. */
function mixed(text: string, alphabet: string, seed: number): string {
  const at = seed % text.length;
  return text.slice(0, at) + (alphabet[seed % alphabet.length] ?? '') + text.slice(at + 1);
}
