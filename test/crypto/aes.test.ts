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
  expect(openText(key, sealed, aad)?.subarray(1)).toEqual(Buffer.from(payload as string));
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
