import { constants, createPublicKey, publicEncrypt, randomBytes } from 'node:crypto';
import type { KeyClient, KeyWrapAlgorithm, UnwrapResult } from '@azure/keyvault-keys';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KeyVaultServer } from './key-vault-server.js';
import { changingRequests, sdkCipher, sdkClient, surfaced } from './key-vault/sdk-client.js';

const OAEP_256 = 'RSA-OAEP-256';
/** Made in no time, and as good for what is tested here. */
const SMALL = { size: 1024 };

let server: KeyVaultServer;
let client: KeyClient;

beforeEach(async () => {
  server = await KeyVaultServer.start();
  client = sdkClient(server);
});

afterEach(() => server.stop());

async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

async function roundTrip(
  algorithm: KeyWrapAlgorithm,
  name: string,
  version?: string,
): Promise<boolean> {
  const key = randomBytes(32);
  const cipher = sdkCipher(client, name, version);
  const { result } = await cipher.wrapKey(algorithm, key);
  return key.equals((await cipher.unwrapKey(algorithm, result)).result);
}

/** Modulus of an RSA key, which tells one from another. */
async function modulus(of: KeyClient, name: string, version?: string): Promise<string> {
  const { key } = await of.getKey(name, version === undefined ? {} : { version });
  return Buffer.from(key?.n ?? []).toString('hex');
}

function encode(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}

describe('keys', () => {
  it.each([1024, 2048, 3072])('are RSA of %i bits', async (keySize) => {
    const { keyType, key, properties } = await client.createRsaKey('mek', { keySize });
    expect(keyType).toBe('RSA');
    expect(key?.n).toHaveLength(keySize / 8);
    expect(Buffer.from(key?.e ?? []).toString('hex')).toBe('010001');
    expect(properties.version).toMatch(/^[0-9a-f]{32}$/);
    expect(await roundTrip(OAEP_256, 'mek', properties.version)).toBe(true);
  });

  it('are RSA-HSM, or of another exponent', async () => {
    expect((await client.createRsaKey('hsm', { hsm: true, keySize: 1024 })).keyType).toBe(
      'RSA-HSM',
    );
    expect(await roundTrip(OAEP_256, 'hsm')).toBe(true);
    const exponent = changingRequests((request) => {
      if (request.body) request.body = '{"kty":"RSA","key_size":1024,"public_exponent":3}';
    });
    await sdkClient(server, { additionalPolicies: [exponent] }).createRsaKey('three');
    const { key } = await client.getKey('three');
    expect(Buffer.from(key?.e ?? []).toString('hex')).toBe('03');
    expect(await roundTrip(OAEP_256, 'three')).toBe(true);
    const version = await server.createKey('three', { size: 1024, exponent: 3 });
    expect((await client.getKey('three', { version })).key?.e).toEqual(key?.e);
  });

  it('are refused in sizes and types that there are not', async () => {
    expect(await surfaced(client.createRsaKey('mek', { keySize: 2047 }))).toEqual([
      400,
      'BadParameter',
    ]);
    expect(await surfaced(client.createOctKey('mek', { keySize: 8 }))).toEqual([
      400,
      'BadParameter',
    ]);
    expect(await surfaced(client.createEcKey('mek', { curve: 'P-1' }))).toEqual([
      400,
      'BadParameter',
    ]);
    expect(await surfaced(client.createKey('mek', 'DSA'))).toEqual([400, 'BadParameter']);
  });

  it('are AES for A256KW, and nothing of them is published', async () => {
    const { keyType, key } = await client.createOctKey('mek', { hsm: true, keySize: 256 });
    expect(keyType).toBe('oct-HSM');
    expect(key?.k).toBeUndefined();
    expect(await roundTrip('A256KW', 'mek')).toBe(true);
    const { result } = await sdkCipher(client, 'mek').wrapKey('A256KW', randomBytes(32));
    expect(result).toHaveLength(40);
  });

  it('are elliptic curves, which wrap nothing', async () => {
    const { keyType, properties } = await client.createEcKey('mek', { keyOps: ['wrapKey'] });
    expect(keyType).toBe('EC');
    const wrapped = wrapRemotely('mek', properties.version ?? '');
    expect(await surfaced(wrapped)).toEqual([400, 'BadParameter']);
  });

  it('keep what they were created with', async () => {
    const expiresOn = new Date('2031-01-01T00:00:00.000Z');
    const notBefore = new Date('2021-01-01T00:00:00.000Z');
    const tags = { owner: 'NoteLett' };
    const keyOps = ['wrapKey', 'unwrapKey'];
    await client.createRsaKey('mek', {
      keySize: 1024,
      expiresOn,
      notBefore,
      tags,
      keyOps,
      enabled: true,
    });
    const { properties, keyOperations } = await client.getKey('mek');
    expect(properties).toMatchObject({ expiresOn, notBefore, tags, enabled: true, name: 'mek' });
    expect(keyOperations).toEqual(keyOps);
  });
});

/** Past the client's own judgement: it may not fetch the key, so it must ask. */
async function wrapRemotely(name: string, version: string): Promise<unknown> {
  server.permissions.get = false;
  return sdkCipher(client, name, version).wrapKey(OAEP_256, randomBytes(32));
}

describe('versions', () => {
  it('are added by creating and by rotating, and the newest one is read', async () => {
    const created = await client.createRsaKey('mek', { keySize: 1024 });
    const again = await client.createRsaKey('mek', {
      keySize: 1024,
      keyOps: ['wrapKey'],
      tags: { of: 'mek' },
    });
    const rotated = await client.rotateKey('mek');
    const versions = [created, again, rotated].map(({ properties }) => properties.version ?? '');
    expect(server.versionsOf('mek')).toEqual(versions);
    expect(new Set(versions).size).toBe(3);
    expect((await client.getKey('mek')).properties.version).toBe(versions[2]);
    expect(rotated.keyOperations).toEqual(['wrapKey']);
    expect(rotated.properties.tags).toEqual({ of: 'mek' });
    for (const version of versions) {
      expect((await client.getKey('mek', { version })).properties.version).toBe(version);
    }
  });

  it('come in pages, in no order of their age', async () => {
    for (let count = 0; count < 30; count += 1) await server.createKey('mek', { type: 'EC' });
    const listed = await all(client.listPropertiesOfKeyVersions('mek'));
    const versions = listed.map(({ version }) => version);
    expect(versions).not.toEqual(server.versionsOf('mek'));
    expect(versions.toSorted()).toEqual([...server.versionsOf('mek')].sort());
    expect(server.requests.map(({ operation, status }) => [operation, status])).toEqual([
      ['versions', 401],
      ['versions', 200],
      ['versions', 200],
    ]);
    const pages = client.listPropertiesOfKeyVersions('mek').byPage({ maxPageSize: 12 });
    expect((await all(pages)).map((page) => page.length)).toEqual([12, 12, 6]);
  });

  it('are all of different key material, in every vault that runs or has just run', async () => {
    await using other = await KeyVaultServer.start();
    const before = await KeyVaultServer.start();
    const moduli: string[] = [];
    for (const vault of [server, other, before]) {
      const versions = [await vault.createKey('mek', SMALL), await vault.rotateKey('mek')];
      for (const version of versions) moduli.push(await modulus(sdkClient(vault), 'mek', version));
    }
    await before.stop();
    await using after = await KeyVaultServer.start();
    await after.createKey('mek', SMALL);
    moduli.push(await modulus(sdkClient(after), 'mek'));
    expect(new Set(moduli).size).toBe(7);
  });

  it('are of key material that vaults had that are long gone', async () => {
    const moduli: string[] = [];
    for (let vaults = 0; vaults < 4; vaults += 1) {
      await using vault = await KeyVaultServer.start();
      await vault.createKey('mek', { size: 1024, exponent: 17 });
      moduli.push(await modulus(sdkClient(vault), 'mek'));
    }
    const [first, second, third, fourth] = moduli;
    expect(new Set([first, second, third]).size).toBe(3);
    expect(fourth).toBe(first);
  });

  it('are not read before the replica has seen them', async () => {
    const first = await server.createKey('mek', SMALL);
    server.freezeReads();
    const second = await server.rotateKey('mek');
    server.updateKey('mek', first, { enabled: false });
    expect((await client.getKey('mek')).properties).toMatchObject({
      version: first,
      enabled: true,
    });
    await server.createKey('later', { type: 'EC' });
    expect(await all(client.listPropertiesOfKeyVersions('mek'))).toHaveLength(1);
    expect(await all(client.listPropertiesOfKeys())).toHaveLength(1);
    server.thawReads();
    expect((await client.getKey('mek')).properties.version).toBe(second);
    expect(await surfaced(client.getKey('mek', { version: first }))).toEqual([
      403,
      'Forbidden',
      'KeyDisabled',
    ]);
  });

  it('are updated one by one', async () => {
    const first = await server.createKey('mek', SMALL);
    const second = await server.rotateKey('mek');
    const expiresOn = new Date('2031-01-01T00:00:00.000Z');
    await client.updateKeyProperties('mek', first, { enabled: false, tags: { is: 'old' } });
    await client.updateKeyProperties('mek', second, { expiresOn, keyOps: ['unwrapKey'] });
    const listed = await all(client.listPropertiesOfKeyVersions('mek'));
    const byVersion = new Map(listed.map((each) => [each.version, each]));
    expect(byVersion.get(first)).toMatchObject({ enabled: false, tags: { is: 'old' } });
    expect(byVersion.get(second)).toMatchObject({ enabled: true, expiresOn });
    expect((await client.getKey('mek')).keyOperations).toEqual(['unwrapKey']);
  });
});

describe('reading', () => {
  it('lists the keys of the vault', async () => {
    await server.createKey('one', { type: 'EC' });
    await server.createKey('two', { type: 'EC' });
    expect((await all(client.listPropertiesOfKeys())).map(({ name }) => name)).toEqual([
      'one',
      'two',
    ]);
  });

  it('knows an unknown key and an unknown version for what they are', async () => {
    await server.createKey('mek', { type: 'EC' });
    const version = '0'.repeat(32);
    expect(await surfaced(client.getKey('none'))).toEqual([404, 'KeyNotFound']);
    expect(await surfaced(client.getKey('mek', { version }))).toEqual([404, 'KeyNotFound']);
    expect(await surfaced(client.rotateKey('none'))).toEqual([404, 'KeyNotFound']);
  });

  it('knows no other paths', async () => {
    const elsewhere = changingRequests((request) => {
      request.url = request.url.replace('/keys/', '/secrets/');
    });
    const lost = sdkClient(server, { additionalPolicies: [elsewhere] });
    expect(await surfaced(lost.getKey('mek'))).toEqual([404, 'NotFound']);
    expect(server.count('other')).toBe(2);
  });
});

describe('wrapping', () => {
  it('takes the newest version where none is named', async () => {
    await server.createKey('mek', SMALL);
    const cipher = sdkCipher(client, 'mek');
    const key = randomBytes(32);
    await cipher.wrapKey(OAEP_256, key);
    const newest = await server.rotateKey('mek');
    const { result } = await cipher.wrapKey(OAEP_256, key);
    expect(server.requests.at(-1)).toMatchObject({ operation: 'wrapKey', version: '' });
    const unwrapped = await sdkCipher(client, 'mek', newest).unwrapKey(OAEP_256, result);
    expect(key.equals(unwrapped.result)).toBe(true);
  });

  it.each(['RSA-OAEP', 'RSA1_5', OAEP_256] as const)(
    'does %s, and the log tells',
    async (algorithm) => {
      const version = await server.createKey('mek', SMALL);
      server.permissions.get = false;
      expect(await roundTrip(algorithm, 'mek', version)).toBe(true);
      expect(server.requests.filter(({ authorized }) => authorized).at(-1)).toEqual({
        operation: 'unwrapKey',
        keyName: 'mek',
        version,
        authorized: true,
        hasBody: true,
        algorithm,
        status: 200,
      });
    },
  );

  it('refuses what was wrapped otherwise, under another version, or not at all', async () => {
    const first = await server.createKey('mek', SMALL);
    const second = await server.rotateKey('mek');
    const { result } = await sdkCipher(client, 'mek', first).wrapKey(OAEP_256, randomBytes(32));
    const refusal = [400, 'BadParameter'];
    const later = sdkCipher(client, 'mek', second);
    expect(await surfaced(later.unwrapKey(OAEP_256, result))).toEqual(refusal);
    const cipher = sdkCipher(client, 'mek', first);
    // Not RSA1_5: one block in seven hundred that was padded otherwise happens to fit it, too.
    for (const algorithm of ['RSA-OAEP', 'A256KW'] as const) {
      expect(await surfaced(cipher.unwrapKey(algorithm, result))).toEqual(refusal);
    }
    expect(await surfaced(cipher.unwrapKey(OAEP_256, randomBytes(128)))).toEqual(refusal);
    expect(await surfaced(cipher.unwrapKey(OAEP_256, result.subarray(1)))).toEqual(refusal);
    expect(await surfaced(cipher.wrapKey(OAEP_256, randomBytes(63)))).toEqual(refusal);
  });

  it('refuses what is not padded as RSA1_5 says', async () => {
    const { key } = await client.getKey('mek', { version: await server.createKey('mek', SMALL) });
    const [n = '', e = ''] = [key?.n, key?.e].map((part) => encode(part ?? Buffer.alloc(0)));
    const publicKey = createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' });
    const padding = constants.RSA_NO_PADDING;
    const cipher = sdkCipher(client, 'mek');
    const unpad = (start: readonly number[]): Promise<UnwrapResult> => {
      const block = Buffer.concat([Buffer.from(start), Buffer.alloc(128 - start.length, 7)]);
      return cipher.unwrapKey('RSA1_5', publicEncrypt({ key: publicKey, padding }, block));
    };
    const filler = [9, 9, 9, 9, 9, 9, 9];
    expect((await unpad([0, 2, ...filler, 9, 0])).result).toHaveLength(128 - 11);
    for (const start of [
      [0, 1, ...filler, 9, 0],
      [1, 2, ...filler, 9, 0],
      [0, 2, ...filler, 0],
      [0, 2],
    ]) {
      expect(await surfaced(unpad(start))).toEqual([400, 'BadParameter']);
    }
  });

  it('refuses an AES-wrapped key that is empty, cut short or changed', async () => {
    const version = await server.createKey('mek', { type: 'oct-HSM' });
    const cipher = sdkCipher(client, 'mek', version);
    const { result } = await cipher.wrapKey('A256KW', randomBytes(32));
    const changed = Buffer.from(result).fill(0, 0, 1);
    for (const wrapped of [Buffer.alloc(0), result.subarray(8), changed]) {
      expect(await surfaced(cipher.unwrapKey('A256KW', wrapped))).toEqual([400, 'BadParameter']);
    }
    expect(await surfaced(cipher.unwrapKey('A128KW', result))).toEqual([400, 'BadParameter']);
  });

  it.each(['{"alg":"RSA-OAEP-256","value":"+/+/"}', '{"alg":"RSA-OAEP-256"}', '{}', 'null', '{'])(
    'refuses the body %s',
    async (body) => {
      const version = await server.createKey('mek', SMALL);
      const spoiling = changingRequests((request) => {
        if (request.body) request.body = body;
      });
      const other = sdkClient(server, { additionalPolicies: [spoiling] });
      const work = sdkCipher(other, 'mek', version).wrapKey(OAEP_256, randomBytes(32));
      expect(await surfaced(work)).toEqual([400, 'BadParameter']);
    },
  );
});
