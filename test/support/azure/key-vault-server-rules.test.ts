import { randomBytes } from 'node:crypto';
import type { KeyClient } from '@azure/keyvault-keys';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../clock.js';
import { KeyVaultServer } from './key-vault-server.js';
import { changingRequests, sdkCipher, sdkClient, surfaced } from './key-vault/sdk-client.js';
import { rejection } from '../failure.js';

const OAEP_256 = 'RSA-OAEP-256';
/** Made in no time, and as good for what is tested here. */
const SMALL = { size: 1024 };
const DISABLED = [403, 'Forbidden', 'KeyDisabled'];
const PAST = new Date('2021-01-01T00:00:00.000Z');
const FUTURE = new Date('2031-01-01T00:00:00.000Z');
const dek = randomBytes(32);

let clock: ManualClock;
let server: KeyVaultServer;
let client: KeyClient;
let version: string;

beforeEach(async () => {
  clock = new ManualClock();
  server = await KeyVaultServer.start({ clock });
  client = sdkClient(server);
  version = await server.createKey('mek', SMALL);
});

afterEach(() => server.stop());

/** By a client that may not read the key, and therefore leaves all judgement to the service. */
async function wrap(): Promise<Uint8Array> {
  server.permissions.get = false;
  try {
    return (await sdkCipher(client, 'mek', version).wrapKey(OAEP_256, dek)).result;
  } finally {
    server.permissions.get = true;
  }
}

async function unwrap(wrapped: Uint8Array): Promise<Uint8Array> {
  server.permissions.get = false;
  try {
    return (await sdkCipher(client, 'mek', version).unwrapKey(OAEP_256, wrapped)).result;
  } finally {
    server.permissions.get = true;
  }
}

describe('a disabled version', () => {
  it('does nothing until it is enabled again', async () => {
    const wrapped = await wrap();
    server.updateKey('mek', version, { enabled: false });
    expect(await surfaced(wrap())).toEqual(DISABLED);
    expect(await surfaced(unwrap(wrapped))).toEqual(DISABLED);
    expect(await surfaced(client.getKey('mek', { version }))).toEqual(DISABLED);
    server.updateKey('mek', version, { enabled: true });
    expect(dek.equals(await unwrap(wrapped))).toBe(true);
    await wrap();
    await client.getKey('mek', { version });
  });

  it('wraps and is read where the service is so inclined, but never unwraps', async () => {
    server.behaviour.wrapOnDisabled = 'allowed';
    server.behaviour.getOfDisabled = 'allowed';
    server.updateKey('mek', version, { enabled: false });
    const wrapped = await wrap();
    expect((await client.getKey('mek')).properties.enabled).toBe(false);
    expect(await surfaced(unwrap(wrapped))).toEqual(DISABLED);
  });
});

describe('a version outside its dates', () => {
  it.each([
    ['expired', { expiresOn: PAST }],
    ['not yet valid', { notBefore: FUTURE }],
  ])('unwraps, and does not wrap, when %s', async (_when, dates) => {
    const wrapped = await wrap();
    server.updateKey('mek', version, dates);
    expect(await surfaced(wrap())).toEqual([403, 'Forbidden', 'KeyNotYetValidOrExpired']);
    expect(dek.equals(await unwrap(wrapped))).toBe(true);
    server.updateKey('mek', version, { expiresOn: null, notBefore: null });
    await wrap();
  });

  it("gets there by the server's own clock", async () => {
    server.updateKey('mek', version, { expiresOn: new Date(clock.wallMs() + 1000) });
    await wrap();
    clock.advance(1000);
    expect(await surfaced(wrap())).toEqual([403, 'Forbidden', 'KeyNotYetValidOrExpired']);
  });
});

describe('key operations', () => {
  it('are refused unless the version lists them', async () => {
    const wrapped = await wrap();
    const refusal = [403, 'Forbidden', 'KeyOperationForbidden'];
    server.updateKey('mek', version, { keyOps: ['wrapKey'] });
    await wrap();
    expect(await surfaced(unwrap(wrapped))).toEqual(refusal);
    server.updateKey('mek', version, { keyOps: ['unwrapKey'] });
    await unwrap(wrapped);
    expect(await surfaced(wrap())).toEqual(refusal);
  });
});

describe('permissions', () => {
  it.each(['ForbiddenByRbac', 'ForbiddenByPolicy', 'ForbiddenByFirewall'] as const)(
    'that are missing are %s, if the vault is set up so',
    async (denial) => {
      server.behaviour.denial = denial;
      server.permissions.get = false;
      expect(await surfaced(client.getKey('mek'))).toEqual([403, 'Forbidden', denial]);
      server.permissions.get = true;
      await client.getKey('mek');
    },
  );

  it('are asked for each operation by itself', async () => {
    const cipher = sdkCipher(client, 'mek', version);
    const { result } = await cipher.wrapKey(OAEP_256, dek);
    const work = {
      get: () => client.getKey('mek'),
      list: () => client.listPropertiesOfKeyVersions('mek').next(),
      wrapKey: () => cipher.wrapKey(OAEP_256, dek),
      unwrapKey: () => cipher.unwrapKey(OAEP_256, result),
      create: () => client.createKey('other', 'EC'),
      rotate: () => client.rotateKey('mek'),
      update: () => client.updateKeyProperties('mek', version, { enabled: true }),
      delete: () => client.beginDeleteKey('mek'),
      recover: () => client.beginRecoverDeletedKey('gone', { intervalInMs: 1 }),
      purge: () => client.purgeDeletedKey('lost'),
      backup: () => client.backupKey('other'),
      restore: () => client.restoreKeyBackup(backup),
    };
    await server.createKey('kept', { type: 'EC' });
    const backup = (await client.backupKey('kept')) ?? new Uint8Array();
    server.deleteKey('kept');
    server.purgeKey('kept');
    for (const name of ['gone', 'lost']) {
      await server.createKey(name, { type: 'EC' });
      server.deleteKey(name);
    }
    for (const permission of Object.keys(work) as (keyof typeof work)[]) {
      server.permissions[permission] = false;
      const refusal = await surfaced(work[permission]());
      // Of the refusal of a list the client tells no more.
      const inner = permission === 'list' ? [] : ['ForbiddenByRbac'];
      expect([permission, ...refusal]).toEqual([permission, 403, 'Forbidden', ...inner]);
      server.permissions[permission] = true;
      await work[permission]();
    }
  });

  it('can be missing from the start', async () => {
    await using strict = await KeyVaultServer.start({ permissions: { create: false } });
    const refusal = [403, 'Forbidden', 'ForbiddenByRbac'];
    expect(await surfaced(sdkClient(strict).createRsaKey('mek'))).toEqual(refusal);
    expect(strict.permissions).toMatchObject({ create: false, get: true });
  });
});

describe('deleted keys', () => {
  it('are gone until they are recovered, with all their versions', async () => {
    const wrapped = await wrap();
    const second = await server.rotateKey('mek');
    const deletion = await client.beginDeleteKey('mek', { intervalInMs: 1 });
    const { properties } = await deletion.pollUntilDone();
    expect(properties.recoveryId).toBe(`${server.url}/deletedkeys/mek`);
    expect(await surfaced(client.getKey('mek'))).toEqual([404, 'KeyNotFound']);
    expect(await surfaced(unwrap(wrapped))).toEqual([404, 'KeyNotFound']);
    expect((await client.getDeletedKey('mek')).properties.version).toBe(second);
    expect((await client.listDeletedKeys().next()).value).toMatchObject({ name: 'mek' });
    const recovery = await client.beginRecoverDeletedKey('mek', { intervalInMs: 1 });
    await recovery.pollUntilDone();
    expect(dek.equals(await unwrap(wrapped))).toBe(true);
    expect(server.versionsOf('mek')).toEqual([version, second]);
    expect((await client.listDeletedKeys().next()).done).toBe(true);
  });

  it('keep their name until they are purged', async () => {
    server.deleteKey('mek');
    const conflict = [409, 'Conflict', 'ObjectIsDeletedButRecoverable'];
    expect(await surfaced(client.createEcKey('mek'))).toEqual(conflict);
    await client.purgeDeletedKey('mek');
    expect(await surfaced(client.getDeletedKey('mek'))).toEqual([404, 'KeyNotFound']);
    await client.createEcKey('mek');
  });

  it('cannot be used while they are being recovered', async () => {
    server.behaviour.recoveryWindowMs = 60_000;
    const wrapped = await wrap();
    server.deleteKey('mek');
    server.recoverKey('mek');
    const conflict = [409, 'Conflict', 'ObjectIsBeingRecovered'];
    expect(await surfaced(wrap())).toEqual(conflict);
    expect(await surfaced(unwrap(wrapped))).toEqual(conflict);
    expect(await surfaced(client.createEcKey('mek'))).toEqual(conflict);
    expect(await surfaced(client.getKey('mek'))).toEqual([404, 'KeyNotFound']);
    expect((await client.listPropertiesOfKeys().next()).done).toBe(true);
    clock.advance(60_000);
    await unwrap(wrapped);
    await client.getKey('mek');
  });

  it('can be purged in process, too', async () => {
    server.deleteKey('mek');
    server.purgeKey('mek');
    expect(await surfaced(client.getDeletedKey('mek'))).toEqual([404, 'KeyNotFound']);
  });
});

describe('backups', () => {
  it('bring a purged key back, with all its versions, as they were', async () => {
    const wrapped = await wrap();
    server.updateKey('mek', version, { tags: { of: 'the first' } });
    const second = await server.rotateKey('mek');
    const backup = (await client.backupKey('mek')) ?? new Uint8Array();
    const third = await server.rotateKey('mek');
    server.deleteKey('mek');
    server.purgeKey('mek');
    expect(await surfaced(unwrap(wrapped))).toEqual([404, 'KeyNotFound']);
    const { id, properties } = await client.restoreKeyBackup(backup);
    expect([id, properties.version]).toEqual([`${server.url}/keys/mek/${second}`, second]);
    expect(server.versionsOf('mek')).toEqual([version, second]);
    expect(server.versionsOf('mek')).not.toContain(third);
    expect((await client.getKey('mek', { version })).properties.tags).toEqual({ of: 'the first' });
    expect(dek.equals(await unwrap(wrapped))).toBe(true);
  });

  it('are restored in another vault, which unwraps under its own address', async () => {
    const wrapped = await wrap();
    const backup = (await client.backupKey('mek')) ?? new Uint8Array();
    await using other = await KeyVaultServer.start();
    const { id } = await sdkClient(other).restoreKeyBackup(backup);
    expect(id).toBe(`${other.url}/keys/mek/${version}`);
    const { result } = await sdkCipher(sdkClient(other), 'mek').unwrapKey(OAEP_256, wrapped);
    expect(dek.equals(result)).toBe(true);
  });

  it('are refused where the name is taken, by a deleted key too', async () => {
    const backup = (await client.backupKey('mek')) ?? new Uint8Array();
    const restored = () => surfaced(client.restoreKeyBackup(backup));
    expect(await restored()).toEqual([409, 'Conflict', 'KeyAlreadyExists']);
    server.deleteKey('mek');
    expect(await restored()).toEqual([409, 'Conflict', 'ObjectIsDeletedButRecoverable']);
    expect(await surfaced(client.backupKey('mek'))).toEqual([404, 'KeyNotFound']);
  });

  it('show nothing of the key, and are refused when a bit was changed', async () => {
    const backup = Buffer.from((await client.backupKey('mek')) ?? []);
    const { key } = await client.getKey('mek');
    expect(backup.includes(Buffer.from(key?.n ?? []).subarray(0, 16))).toBe(false);
    expect(backup.includes('mek')).toBe(false);
    server.deleteKey('mek');
    server.purgeKey('mek');
    for (const at of [0, 20, backup.length - 1]) {
      const changed = Buffer.from(backup);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      expect(await surfaced(client.restoreKeyBackup(changed))).toEqual([400, 'BadParameter']);
    }
    expect(await surfaced(client.restoreKeyBackup(Buffer.alloc(3)))).toEqual([400, 'BadParameter']);
  });

  it('of two times are not the same bytes', async () => {
    const [one, other] = [await client.backupKey('mek'), await client.backupKey('mek')];
    expect(one).not.toEqual(other);
  });
});

describe('the quota', () => {
  it('refuses more operations in ten seconds than there are, without counting those', async () => {
    server.limit({ operations: 2 });
    await client.getKey('mek');
    clock.advance(7_500);
    await client.getKey('mek');
    for (let count = 0; count < 3; count += 1) {
      const error = (await rejection(client.getKey('mek'))) as {
        readonly response: { readonly headers: Headers };
      };
      expect(error).toMatchObject({ statusCode: 429, code: 'Throttled' });
      expect(error.response.headers.get('retry-after')).toBe('3');
    }
    clock.advance(2_500);
    await client.getKey('mek');
    await client.getKey('mek');
    expect(await surfaced(client.getKey('mek'))).toEqual([429, 'Throttled']);
    server.limit(undefined);
    await client.getKey('mek');
  });

  it('need not say when to come back', async () => {
    await using strict = await KeyVaultServer.start({
      quota: { operations: 0, retryAfter: false },
    });
    const error = (await rejection(sdkClient(strict).getKey('mek'))) as {
      readonly response: { readonly headers: Headers };
    };
    expect(error).toHaveProperty('statusCode', 429);
    expect(error.response.headers.get('retry-after')).toBeUndefined();
  });
});

describe('every request', () => {
  it('names an API version', async () => {
    const nameless = changingRequests((request) => {
      request.url = request.url.replace(/api%2Dversion=[^&]*/, '');
    });
    const other = sdkClient(server, { additionalPolicies: [nameless] });
    expect(await surfaced(other.getKey('mek'))).toEqual([400, 'BadParameter']);
  });

  it('carries a token but for the first of a client, which carries no body', async () => {
    const cipher = sdkCipher(client, 'mek', version);
    await cipher.wrapKey(OAEP_256, dek);
    await cipher.wrapKey(OAEP_256, dek);
    expect(
      server.requests.map(({ operation, authorized, hasBody, status }) => [
        operation,
        authorized,
        hasBody,
        status,
      ]),
    ).toEqual([
      ['get', false, false, 401],
      ['get', true, false, 200],
      ['wrapKey', true, true, 200],
      ['wrapKey', true, true, 200],
    ]);
    expect([server.challenges, server.count(), server.count('wrapKey')]).toEqual([1, 4, 2]);
    expect(server.unauthorizedBodies).toBe(0);
    server.clearRequests();
    expect(server.requests).toEqual([]);
  });

  it('is recorded with its body even if a client has no token yet', async () => {
    server.permissions.get = false;
    const cipher = sdkCipher(client, 'mek', version);
    await Promise.all(Array.from({ length: 5 }, () => cipher.wrapKey(OAEP_256, dek)));
    expect(server.count('wrapKey')).toBe(5);
    const early = sdkClient(server);
    await Promise.all(
      Array.from({ length: 5 }, () => early.createKey('other', 'EC', { tags: { to: 'all' } })),
    );
    expect(server.unauthorizedBodies).toBe(4);
  });

  it('needs a token that is still good', async () => {
    await client.getKey('mek');
    server.expireTokens();
    expect(await surfaced(client.getKey('mek'))).toEqual([401, 'Unauthorized']);
    expect(server.identityProvider.tokenRequests).toBe(1);
    await sdkClient(server).getKey('mek');
  });

  it('gets a new token by itself where the service asks for it', async () => {
    server.behaviour.revokedToken = 'claims';
    await client.getKey('mek');
    server.expireTokens();
    await client.getKey('mek');
    const asked = server.identityProvider.requests.filter(({ kind }) => kind === 'token');
    expect(asked.map(({ hasClaims }) => hasClaims)).toEqual([false, true]);
  });

  it('is refused with a token that has expired though the client does not know', async () => {
    server.identityProvider.tokenLifetimeMs = -10_000;
    server.identityProvider.claimedLifetimeMs = 3_600_000;
    expect(await surfaced(client.getKey('mek'))).toEqual([401, 'Unauthorized']);
  });

  it('is refused with a token for another resource, of another provider, or with none', async () => {
    server.behaviour.revokedToken = 'claims';
    await using stranger = await KeyVaultServer.start();
    const { token } = await server.identityProvider
      .credential()
      .getToken('https://other.example/.default');
    const foreign = await stranger.identityProvider
      .credential()
      .getToken('https://vault.azure.net/.default');
    for (const authorization of [
      `Bearer ${token}`,
      `Bearer ${foreign.token}`,
      'Basic abc',
      'Bearer x.y.z',
    ]) {
      const swap = changingRequests((request) => {
        if (request.headers.has('authorization'))
          request.headers.set('authorization', authorization);
      });
      const other = sdkClient(server, { additionalPolicies: [swap] });
      expect(await surfaced(other.getKey('mek'))).toEqual([401, 'Unauthorized']);
    }
    expect(server.identityProvider.requests.some(({ hasClaims }) => hasClaims)).toBe(false);
  });
});
