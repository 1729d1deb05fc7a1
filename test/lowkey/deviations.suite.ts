import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import type { KeyWrap } from '../../src/adapters.js';
import { KeyProviderError } from '../../src/index.js';
import {
  createMek,
  credentialFor,
  enableMek,
  OPERATIONS,
  post,
  vaultKeys,
  vaultProvider,
  vaultUrl,
} from './lowkey-vault.js';

const AUTHORIZED = { authorization: 'Bearer any', 'content-type': 'application/json' };

/** A key of one version, and a DEK wrapped with it. */
async function wrapUnder(mekName: string): Promise<{ dek: Buffer; wrap: KeyWrap }> {
  const mekVersion = await createMek(mekName);
  const dek = randomBytes(32);
  return { dek, wrap: await vaultProvider({ mekName }).wrapKey(dek, { mekVersion }) };
}

// Key Vault shows it with `enabled: false`, or refuses with 403 and KeyDisabled.
it('a disabled version looks as if it did not exist, and is not wrapped with', async () => {
  const mekName = 'disabled-wrap';
  const { dek, wrap } = await wrapUnder(mekName);
  await enableMek(mekName, wrap.mekVersion, false);
  const wrapping = vaultProvider({ mekName }).wrapKey(dek, { mekVersion: wrap.mekVersion });
  await expect(wrapping).rejects.toMatchObject({ code: 'MEK_VERSION_UNKNOWN' });
});

// Key Vault answers 403 with KeyDisabled.
it('a disabled version unwraps nothing, with 500, until it is enabled again', async () => {
  const mekName = 'disabled-unwrap';
  const { dek, wrap } = await wrapUnder(mekName);
  const provider = vaultProvider({ mekName });
  await enableMek(mekName, wrap.mekVersion, false);
  await expect(provider.unwrapKey(wrap)).rejects.toMatchObject({
    code: 'KEY_PROVIDER_UNAVAILABLE',
    message: expect.stringContaining('failed with status 500') as string,
  });
  await enableMek(mekName, wrap.mekVersion, true);
  expect(dek.equals(await provider.unwrapKey(wrap))).toBe(true);
});

// Key Vault asks for wrapKey alone.
it('wrapping takes the permission to encrypt too, else it answers 500', async () => {
  const mekName = 'wrap-alone';
  const mekVersion = await createMek(mekName, ['wrapKey', 'unwrapKey']);
  const wrapping = vaultProvider({ mekName }).wrapKey(randomBytes(32), { mekVersion });
  await expect(wrapping).rejects.toMatchObject({
    code: 'KEY_PROVIDER_UNAVAILABLE',
    message: expect.stringContaining('failed with status 500') as string,
  });
});

// Key Vault takes the newest version then, which this library never asks for.
it('there is no wrapping without a version', async () => {
  const mekName = 'no-version';
  await createMek(mekName);
  const { status } = await post(`/keys/${mekName}//wrapkey`, AUTHORIZED);
  expect(status).toBeGreaterThanOrEqual(400);
});

// Managed HSM has it.
it('oct-HSM keys do not wrap with A256KW', async () => {
  const mekName = 'oct-hsm';
  const { properties } = await vaultKeys().createOctKey(mekName, {
    ...{ hsm: true, keySize: 256 },
    keyOps: OPERATIONS,
  });
  const provider = vaultProvider({ mekName, wrapAlgorithm: 'A256KW' });
  const wrapping = provider.wrapKey(randomBytes(32), { mekVersion: properties.version ?? '' });
  await expect(wrapping).rejects.toBeInstanceOf(KeyProviderError);
});

// Key Vault asks for https://vault.azure.net, whatever the vault's own name.
it('the challenge asks for a token for the vault itself', async () => {
  const { status, challenge } = await post('/keys/any/any/wrapkey', {});
  expect([status, challenge]).toEqual([401, expect.stringContaining(`resource="${vaultUrl}"`)]);
});

it('which the SDK does not send, unless its check is off', async () => {
  const keys = vaultKeys({ disableChallengeResourceVerification: false });
  await expect(keys.getKey('any')).rejects.toThrow('does not match the requested domain');
});

// Key Vault answers 401.
it('any token will do', async () => {
  const mekName = 'any-token';
  const { dek, wrap } = await wrapUnder(mekName);
  const provider = vaultProvider({ mekName, credential: credentialFor('of-somebody-else') });
  expect(dek.equals(await provider.unwrapKey(wrap))).toBe(true);
});
