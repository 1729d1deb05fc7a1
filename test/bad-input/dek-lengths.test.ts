import { describe, expect, it } from 'vitest';
import { EnvKeyProvider } from '../../src/index.js';
import { contentsOf, decryptAny, KEY, setup } from '../support/encryptor.js';
import { failedField, failedRow, failure } from '../support/failure.js';
import { readGolden } from '../support/golden.js';
import { activeRow } from '../support/rows.js';
import { RsaKeyProvider } from '../support/rsa-key-provider.js';

const { rsaPrivateKeyPem } = readGolden<{ rsaPrivateKeyPem: string }>('dek-rows.json');
const keyProvider = new RsaKeyProvider({ privateKeyPem: rsaPrivateKeyPem, versions: ['v1'] });

describe('a wrap that RSA opens', () => {
  it.each([0, 1, 16, 24, 31, 33, 64])('to %i bytes is refused', async (length) => {
    const made = setup({ keyProviders: [keyProvider] });
    const dek = Buffer.alloc(length, 7);
    const parts = ['notes', KEY.workspaceId, KEY.id];
    const row = await activeRow({ parts, generation: 1, dek, keyProvider, mekVersion: 'v1' });
    await made.memory.create(row);
    const before = await contentsOf(made.memory);
    const ct = Buffer.alloc(40).toString('base64url');
    const body = { _enc: 1, dekId: row.id, mekVersion: 'v1', ct };
    expect(await failure(decryptAny(made.encryptor, { ...KEY, body }))).toEqual(failedRow(row.id));
    expect(made.provider.calls).toEqual({ unwrapKey: 1 });
    expect(made.dekCache.size).toBe(0);
    expect(await contentsOf(made.memory)).toEqual(before);
  });

  it('to 32 bytes is taken', async () => {
    const made = setup({ keyProviders: [keyProvider] });
    const dek = Buffer.alloc(32, 7);
    const parts = ['notes', KEY.workspaceId, KEY.id];
    const row = await activeRow({ parts, generation: 1, dek, keyProvider, mekVersion: 'v1' });
    await made.memory.create(row);
    const ct = Buffer.alloc(40).toString('base64url');
    const body = { _enc: 1, dekId: row.id, mekVersion: 'v1', ct };
    expect(await failure(decryptAny(made.encryptor, { ...KEY, body }))).toEqual(
      failedField('body', row.id),
    );
  });
});

describe('AES key wrap', () => {
  it.each([0, 8, 16, 24, 31, 33, 40])('takes no key of %i bytes', async (length) => {
    const provider = new EnvKeyProvider({ key: 'ab'.repeat(31) + 'cd' });
    const mekVersion = await provider.currentVersion();
    expect(await failure(provider.wrapKey(Buffer.alloc(length), { mekVersion }))).toEqual({
      name: 'RangeError',
      message: `"key" expected 32 bytes, got ${String(length)}`,
    });
  });
});
