import type { ClientSecretCredential } from '@azure/identity';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AkvKeyProvider, type VaultCredential } from '../../../src/azure/key-vault/index.js';
import type { KeyProviderError } from '../../../src/index.js';
import { MEK_NAME } from '../../support/azure/akv-provider.js';
import { vaultHostPolicy } from '../../support/azure/key-vault-server.js';
import { deferred } from '../../support/deferred.js';
import { note } from '../../support/encryptor.js';
import { failure, rejection } from '../../support/failure.js';
import { VaultWorld } from './vault-world.js';

const FRESH = { workspaceId: 'w', id: 'new', body: 'text' };
const NOT_ACCEPTED =
  'was refused: the vault does not accept the token; check tenant and credential';
const NO_TOKEN = 'got no token from the credential: check what it is configured with';
const IDENTITY_DOWN = 'got no token in time: the identity platform is in trouble, or out of reach';

let world: VaultWorld;

beforeEach(async () => {
  world = await VaultWorld.start();
});

afterEach(() => world.stop());

/** The usual challenge of the vault. */
function usualChallenge(): string {
  const { url, tenantId } = world.server.identityProvider;
  return `Bearer authorization="${url}/${tenantId}", resource="https://vault.azure.net"`;
}

/** One that does not try again by itself, which takes seconds. */
function impatientCredential(): ClientSecretCredential {
  return world.server.identityProvider.credential({ retryOptions: { maxRetries: 0 } });
}

function problem(use: string, text: string): string {
  return `${use} on ${world.address(use === 'get' ? undefined : world.first)} ${text}`;
}

describe('a token that the vault refuses', () => {
  it('once, is sent again as the challenge says, and the call succeeds', async () => {
    const { provider, dek, wrap } = await world.warm();
    world.server.script({ on: 'unwrapKey', challenge: usualChallenge() });
    expect(dek.equals(await provider.unwrapKey(wrap))).toBe(true);
    expect(world.server.requests.map(({ status }) => status)).toEqual([401, 200]);
    expect(world.clock.sleeps).toEqual([]);
  });

  it('because it was revoked, is replaced where the vault asks for claims', async () => {
    world.server.behaviour.revokedToken = 'claims';
    const provider = world.provider({ mekVersion: world.first });
    const product = await world.product(provider);
    const target = { mekVersion: await world.rotate() };
    world.forget();
    let unwraps = 0;
    const inMidRun = ({ operation }: { operation: string }): boolean =>
      operation === 'unwrapKey' && ++unwraps === 3;
    world.fault({ expireTokens: true }, inMidRun, 1);
    const run = await world.rewrap(product.encryptor, { target, concurrency: 1 });
    expect(run.summary).toMatchObject({ complete: true, rewrapped: 3, failed: 0 });
    expect(world.server.requests.filter(({ status }) => status === 401).length).toBeGreaterThan(0);
    expect(world.server.identityProvider.requests.some(({ hasClaims }) => hasClaims)).toBe(true);
    await world.expectReadable(product, provider);
  });

  it('because it was revoked, fails rows where it is not asked for claims, until a restart', async () => {
    const provider = world.provider({ mekVersion: world.first });
    const product = await world.product(provider);
    const target = { mekVersion: await world.rotate() };
    const before = await world.rows(product.memory);
    let unwraps = 0;
    const inMidRun = ({ operation }: { operation: string }): boolean =>
      operation === 'unwrapKey' && ++unwraps === 2;
    world.fault({ expireTokens: true }, inMidRun, 1);
    const run = await world.rewrap(product.encryptor, { target, concurrency: 1 });
    expect(run.summary).toMatchObject({ complete: false, rewrapped: 0, failed: 3 });
    for (const error of run.errors) {
      expect(error).toMatchObject({ code: 'KEY_PROVIDER_DENIED', retryable: false });
      expect((error as Error).message).toContain(NOT_ACCEPTED);
    }
    expect(await world.rows(product.memory)).toEqual(before);
    const restarted = world.provider({ credential: world.server.credential() });
    const rerun = await world.rewrap(world.encryptor(product.memory, restarted), { target });
    expect(rerun.summary).toMatchObject({ complete: true, rewrapped: 3, failed: 0 });
  });

  it('because a clock is wrong, is told as such', async () => {
    const { identityProvider } = world.server;
    identityProvider.tokenLifetimeMs = 0;
    identityProvider.claimedLifetimeMs = 3_600_000;
    const provider = world.provider();
    expect(await world.failure(provider.currentVersion())).toEqual({
      code: 'KEY_PROVIDER_DENIED',
      message: problem('get', NOT_ACCEPTED),
      retryable: false,
    });
  });

  it('that lives for two seconds, is replaced in time all through a rotation', async () => {
    const { identityProvider } = world.server;
    identityProvider.tokenLifetimeMs = 2_000;
    const provider = world.provider({ mekVersion: world.first });
    const product = await world.product(provider);
    const target = { mekVersion: await world.rotate() };
    const run = await world.rewrap(product.encryptor, { target });
    expect(run.summary).toMatchObject({ complete: true, rewrapped: 3, failed: 0 });
    expect(identityProvider.tokenRequests).toBeGreaterThan(3);
    expect(
      world.server.requests.filter(({ authorized, status }) => authorized && status === 401),
    ).toEqual([]);
  });
});

describe('an identity provider', () => {
  it('that refuses is told as such, whatever the call, and asked once', async () => {
    const credential = world.server.identityProvider.credential({ clientSecret: 'another secret' });
    for (const wrapMode of ['vault', 'local'] as const) {
      const provider = world.provider({ credential, wrapMode });
      const error = await rejection(provider.currentVersion());
      expect(error).toMatchObject({
        code: 'KEY_PROVIDER_DENIED',
        retryable: false,
        message: problem('get', NO_TOKEN),
      });
      const { cause } = error as KeyProviderError;
      expect((cause as Error).name).toBe('AuthenticationRequiredError');
      expect((cause as Error).message).toContain('AADSTS7000215: The client secret is not');
      const { tokenRequests } = world.server.identityProvider;
      const wrapping = provider.wrapKey(world.dek(), { mekVersion: world.first });
      expect(await world.failure(wrapping)).toEqual({
        code: 'KEY_PROVIDER_DENIED',
        message: `get on ${world.address(world.first)} ${NO_TOKEN}`,
        retryable: false,
      });
      expect(world.server.identityProvider.tokenRequests).toBe(tokenRequests + 1);
    }
    expect(world.clock.sleeps).toEqual([]);
  });

  it.each([429, 500, 503])('that answers %i is tried again, and blamed', async (status) => {
    world.server.identityProvider.failNext(status, 9);
    const provider = world.provider({ credential: impatientCredential() });
    expect(await world.failure(provider.currentVersion())).toEqual({
      code: 'KEY_PROVIDER_UNAVAILABLE',
      message: problem('get', IDENTITY_DOWN),
      retryable: true,
    });
    expect(world.clock.sleeps).toHaveLength(4);
    expect(world.server.count('wrapKey')).toBe(0);
  });

  it('that is down is tried again, and blamed, and nothing is written', async () => {
    const provider = world.provider({ credential: impatientCredential() });
    const { memory } = await world.product(world.provider(), 1);
    await world.server.identityProvider.stop();
    const encryptor = world.encryptor(memory, provider);
    world.forget();
    await world.expectNothingWritten(memory, 'KEY_PROVIDER_UNAVAILABLE', () =>
      encryptor.encryptDocument(note, FRESH),
    );
    expect(world.clock.sleeps).toHaveLength(4);
    expect(world.server.count('wrapKey')).toBe(0);
  });

  it('that hangs once holds up no other call afterwards', async () => {
    world.server.identityProvider.hangNext();
    const credential = world.server.credential();
    // Attempts enough for a machine that is slow: without an end to the first they would not help.
    const provider = world.provider({ credential, attemptTimeoutMs: 150, maxAttempts: 20 });
    expect(await provider.currentVersion()).toBe(world.first);
    expect(world.clock.sleeps.length).toBeGreaterThan(0);
  });

  it('that hangs for ever is told in time', async () => {
    world.server.identityProvider.hangNext(9);
    const credential = world.server.credential();
    const provider = world.provider({ credential, attemptTimeoutMs: 100, maxAttempts: 2 });
    const { code, retryable } = await world.failure(provider.currentVersion());
    expect({ code, retryable }).toEqual({ code: 'KEY_PROVIDER_UNAVAILABLE', retryable: true });
  });
});

const SECRET_OF_CREDENTIAL = 'a-secret-of-the-credential-that-is-in-its-message';

const BAD_CREDENTIALS: readonly (readonly [string, () => unknown])[] = [
  ['gives null', () => Promise.resolve(null)],
  ['rejects', () => Promise.reject(new Error(SECRET_OF_CREDENTIAL))],
  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- as others' code may
  ['rejects with no error', () => Promise.reject(undefined)],
  [
    'throws',
    () => {
      throw new TypeError(SECRET_OF_CREDENTIAL);
    },
  ],
];

describe('a credential', () => {
  it.each(BAD_CREDENTIALS)('that %s is told as such, and not quoted', async (_name, getToken) => {
    world.secrets.add(SECRET_OF_CREDENTIAL);
    const provider = world.provider({ credential: { getToken } as VaultCredential });
    expect(await world.failure(provider.currentVersion())).toEqual({
      code: 'KEY_PROVIDER_DENIED',
      message: problem('get', NO_TOKEN),
      retryable: false,
    });
    expect(world.server.requests.map(({ authorized }) => authorized)).toEqual([false]);
  });

  it('is not asked for ever by those who wait for the same token', async () => {
    let asked = 0;
    const getToken = (): Promise<null> => {
      asked += 1;
      return Promise.resolve(null);
    };
    const { wrap } = await world.warm();
    const provider = world.provider({ credential: { getToken } });
    const unwraps = Array.from({ length: 20 }, () => failure(provider.unwrapKey(wrap)));
    for (const { code } of await Promise.all(unwraps)) expect(code).toBe('KEY_PROVIDER_DENIED');
    expect(asked).toBe(1);
    expect(world.server.requests).toHaveLength(1);
  });

  it('that hangs and heeds no signal holds up nobody who comes later', async () => {
    const real = world.server.credential();
    let asked = 0;
    const provider = world.provider({
      attemptTimeoutMs: 150,
      maxAttempts: 20,
      credential: {
        getToken: (...args) =>
          (asked += 1) === 1 ? new Promise(() => undefined) : real.getToken(...args),
      },
    });
    expect(await provider.currentVersion()).toBe(world.first);
    expect(asked).toBeGreaterThan(1);
  });
});

describe('who waits for a token', () => {
  it('gets it, although the call that asked for it was aborted', async () => {
    const { wrap, dek } = await world.warm();
    const gate = deferred();
    const asked = deferred();
    const real = world.server.credential();
    const provider = world.provider({
      maxAttempts: 1,
      credential: {
        getToken: async (...args) => {
          asked.resolve();
          await gate.promise;
          return real.getToken(...args);
        },
      },
    });
    const abort = new AbortController();
    const reason = new Error('enough');
    const aborted = rejection(provider.unwrapKey(wrap, { signal: abort.signal }));
    await asked.promise;
    const waiting = [provider.unwrapKey(wrap), provider.unwrapKey(wrap)];
    abort.abort(reason);
    expect(await aborted).toBe(reason);
    gate.resolve();
    for (const bytes of await Promise.all(waiting)) expect(dek.equals(bytes)).toBe(true);
  });

  it('gets it, although the call that met the challenge was aborted', async () => {
    const { wrap, dek } = await world.warm();
    const provider = world.provider({ maxAttempts: 1 });
    world.server.script({ on: 'challenge', hang: true });
    const arrived = world.server.nextRequest('challenge');
    const abort = new AbortController();
    const reason = new Error('enough');
    const aborted = rejection(provider.unwrapKey(wrap, { signal: abort.signal }));
    await arrived;
    const waiting = [provider.unwrapKey(wrap), provider.unwrapKey(wrap)];
    abort.abort(reason);
    expect(await aborted).toBe(reason);
    for (const bytes of await Promise.all(waiting)) expect(dek.equals(bytes)).toBe(true);
    expect(world.server.unauthorizedBodies).toBe(0);
  });
});

const FOREIGN_CHALLENGES: readonly (readonly [string, () => string])[] = [
  ['of a proxy', () => 'Basic realm="proxy"'],
  ['of another tenant', () => usualChallenge().replace(/\/[0-9a-f-]{36}"/, '/other-tenant"')],
];

describe('a challenge', () => {
  it.each(FOREIGN_CHALLENGES)('%s is not remembered', async (_name, challenge) => {
    const { wrap, dek } = await world.warm();
    const provider = world.provider();
    world.server.script({ on: 'challenge', challenge: challenge() });
    expect(await world.failure(provider.unwrapKey(wrap))).toMatchObject({
      code: 'KEY_PROVIDER_DENIED',
    });
    expect(dek.equals(await provider.unwrapKey(wrap))).toBe(true);
    const second = await world.rotate();
    await provider.wrapKey(dek, { mekVersion: second });
    expect(world.server.unauthorizedBodies).toBe(0);
  });

  it('that met a failing vault is asked for again, and sends no DEK meanwhile', async () => {
    const { wrap, dek } = await world.warm();
    const provider = world.provider();
    world.server.script({ on: 'challenge', status: 503 }, { on: 'challenge', resetBefore: true });
    expect(dek.equals(await provider.unwrapKey(wrap))).toBe(true);
    expect(world.server.challenges).toBe(3);
    expect(world.server.unauthorizedBodies).toBe(0);
  });

  describe('that is verified', () => {
    function verifying(): AkvKeyProvider {
      return new AkvKeyProvider({
        vaultUrl: world.server.vaultHostUrl,
        mekName: MEK_NAME,
        credential: world.secrets.watch(world.server.credential()),
        clientOptions: { additionalPolicies: [vaultHostPolicy(world.server)] },
        clock: world.clock,
      });
    }

    it('is answered where it is the vault’s own', async () => {
      const provider = verifying();
      const mekVersion = await provider.currentVersion();
      expect(mekVersion).toBe(world.first);
      const dek = world.dek();
      const wrap = await provider.wrapKey(dek, { mekVersion });
      expect(dek.equals(await provider.unwrapKey(wrap))).toBe(true);
      const product = await world.product(provider);
      const target = { mekVersion: await world.rotate() };
      const { summary } = await world.rewrap(product.encryptor, { target });
      expect(summary).toMatchObject({ complete: true, rewrapped: 3 });
      await world.expectReadable(product, verifying());
      const rows = JSON.stringify(await world.rows(product.memory));
      expect(rows).not.toContain('vault.azure.net');
    });

    it('is refused where it is for another service: no token is asked for, none is sent', async () => {
      const { wrap, dek } = await world.warm();
      const { identityProvider } = world.server;
      const challenge = usualChallenge().replace('vault.azure.net', 'evil.example');
      world.fault({ challenge }, () => true);
      identityProvider.clearRequests();
      const provider = verifying();
      const told = (use: string, version: string): object => ({
        code: 'KEY_PROVIDER_FAILED',
        message: `${use} on ${world.server.vaultHostUrl}/keys/${MEK_NAME}${version} was asked for a token for another service: check the address of the vault`,
        retryable: false,
      });
      const version = `/${world.first}`;
      expect(await world.failure(provider.currentVersion())).toEqual(told('get', ''));
      expect(await world.failure(provider.unwrapKey(wrap))).toEqual(told('unwrapKey', version));
      const wrapping = provider.wrapKey(dek, { mekVersion: world.first });
      expect(await world.failure(wrapping)).toEqual(told('get', version));
      expect(world.server.requests.map(({ authorized, hasBody }) => authorized || hasBody)).toEqual(
        [...[false, false, false]],
      );
      expect(identityProvider.requests).toEqual([]);
      world.server.clearScript();
      expect(dek.equals(await provider.unwrapKey(wrap))).toBe(true);
    });
  });
});
