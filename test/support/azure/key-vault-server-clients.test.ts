import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { KeyClient } from '@azure/keyvault-keys';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IdentityProvider } from './identity-provider.js';
import { KeyVaultServer, vaultHostPolicy } from './key-vault-server.js';
import { rejection } from '../failure.js';

const PRINT_KEY_ID = join(import.meta.dirname, 'print-key-id.mjs');
/** Made in no time, and as good for what is tested here. */
const SMALL = { size: 1024 };

let server: KeyVaultServer;

beforeEach(async () => {
  server = await KeyVaultServer.start();
});

afterEach(() => server.stop());

describe('clients', () => {
  it('verify the challenge at a host of the vault, and at no other', async () => {
    const version = await server.createKey('mek', SMALL);
    const options = { additionalPolicies: [vaultHostPolicy(server)] };
    const strict = new KeyClient(server.vaultHostUrl, server.credential(), options);
    const { id } = await strict.getKey('mek');
    expect(id).toBe(`${server.vaultHostUrl}/keys/mek/${version}`);
    const { tlsOptions = {} } = server.clientOptions();
    const lost = new KeyClient(server.url, server.credential(), { tlsOptions });
    expect(String(await rejection(lost.getKey('mek')))).toContain('does not match');
  });

  it('can be processes that have only their environment', async () => {
    const version = await server.createKey('mek', SMALL);
    const env = server.environment();
    const { stdout } = await promisify(execFile)(process.execPath, [PRINT_KEY_ID, 'mek'], { env });
    expect(stdout.trim()).toBe(`${server.vaultHostUrl}/keys/mek/${version}`);
  });

  it('get options of their own each time, for they change them', () => {
    expect(server.clientOptions()).toEqual(server.clientOptions());
    expect(server.clientOptions()).not.toBe(server.clientOptions());
  });

  it('of several vaults can share an identity provider, which outlives the vaults', async () => {
    await using identityProvider = await IdentityProvider.start();
    await using one = await KeyVaultServer.start({ identityProvider });
    await using two = await KeyVaultServer.start({ identityProvider });
    const credential = identityProvider.credential();
    for (const vault of [one, two]) {
      await vault.createKey('mek', { type: 'EC' });
      await new KeyClient(vault.url, credential, vault.clientOptions()).getKey('mek');
    }
    expect(identityProvider.tokenRequests).toBe(1);
    await one.stop();
    await identityProvider.credential().getToken('https://vault.azure.net/.default');
  });
});
