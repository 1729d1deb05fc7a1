import type { ClientSecretCredential } from '@azure/identity';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { VaultCredential } from '../../../src/azure/key-vault/index.js';
import type { KeyProviderError } from '../../../src/index.js';
import { note } from '../../support/encryptor.js';
import { failure, rejection } from '../../support/failure.js';
import { usualChallenge, VaultWorld } from './vault-world.js';

const FRESH = { workspaceId: 'w', id: 'new', body: 'text' };
const NOT_ACCEPTED =
  'was refused: the vault does not accept the token; check tenant and credential';
const NO_TOKEN = 'got no token from the credential: check what it is configured with';
const IDENTITY_DOWN = 'got no token in time: the identity platform is failing or unreachable';

let world: VaultWorld;

beforeEach(async () => {
  world = await VaultWorld.start();
});

afterEach(() => world.stop());

/** One that does not try again by itself, which takes seconds. */
function impatientCredential(): ClientSecretCredential {
  return world.server.identityProvider.credential({ retryOptions: { maxRetries: 0 } });
}

/** As the command line of Azure is one: a token is kept, and claims are refused. */
class TakesNoClaims {
  readonly #make: () => VaultCredential;
  #credential: VaultCredential;
  refusals = 0;

  constructor(make: () => VaultCredential) {
    this.#make = make;
    this.#credential = make();
  }

  /** A user signed in again. */
  forget(): void {
    this.#credential = this.#make();
  }

  getToken: VaultCredential['getToken'] = (scopes, options) => {
    if (options?.claims === undefined) return this.#credential.getToken(scopes, options);
    this.refusals += 1;
    return Promise.reject(new Error('Claims are not supported'));
  };
}

function problem(use: string, text: string): string {
  return `${use} on ${world.address(use === 'get' ? undefined : world.first)} ${text}`;
}

describe('a token that the vault refuses', () => {
  it('once, is sent again as the challenge says, and the call succeeds', async () => {
    const { provider, dek, wrap } = await world.warm();
    world.server.script({ on: 'unwrapKey', challenge: usualChallenge(world) });
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
    expect(run.summary).toMatchObject({ complete: true, changed: 3, failed: 0 });
    expect(world.server.requests.filter(({ status }) => status === 401).length).toBeGreaterThan(0);
    expect(world.server.identityProvider.requests.some(({ hasClaims }) => hasClaims)).toBe(true);
    await world.expectReadable(product, provider);
  });

  it('because it was revoked, is replaced where the vault does not ask for claims', async () => {
    const provider = world.provider({ mekVersion: world.first });
    const product = await world.product(provider);
    const target = { mekVersion: await world.rotate() };
    let unwraps = 0;
    const inMidRun = ({ operation }: { operation: string }): boolean =>
      operation === 'unwrapKey' && ++unwraps === 2;
    world.fault({ expireTokens: true }, inMidRun, 1);
    const run = await world.rewrap(product.encryptor, { target, concurrency: 1 });
    expect(run.summary).toMatchObject({ complete: true, changed: 3, failed: 0 });
    await world.expectReadable(product, provider);
  });

  it('is asked for anew once, after it was sent again as the challenge says', async () => {
    const { provider, dek, wrap } = await world.warm();
    const { tokenRequests } = world.server.identityProvider;
    world.server.expireTokens();
    expect(dek.equals(await provider.unwrapKey(wrap))).toBe(true);
    expect(world.server.requests.map(({ status }) => status)).toEqual([401, 401, 200]);
    expect(world.server.identityProvider.tokenRequests).toBe(tokenRequests + 1);
    world.forget();
    expect(dek.equals(await provider.unwrapKey(wrap))).toBe(true);
    expect(world.server.requests.map(({ status }) => status)).toEqual([200]);
  });

  it('is asked for anew where the refusal has no challenge at all', async () => {
    const { provider, dek, wrap } = await world.warm();
    const { tokenRequests } = world.server.identityProvider;
    world.server.script({ on: 'unwrapKey', status: 401 });
    expect(dek.equals(await provider.unwrapKey(wrap))).toBe(true);
    expect(world.server.requests.map(({ status }) => status)).toEqual([401, 200]);
    expect(world.server.identityProvider.tokenRequests).toBe(tokenRequests + 1);
  });

  it('and that the credential kept from before, is asked for anew by a new provider', async () => {
    const credential = world.server.credential();
    const { wrap, dek } = await world.warm({ credential });
    world.server.expireTokens();
    const provider = world.provider({ credential });
    expect(dek.equals(await provider.unwrapKey(wrap))).toBe(true);
    expect(world.server.unauthorizedBodies).toBe(0);
  });

  it('is asked for anew by fifty calls at once, and all of them succeed', async () => {
    const { provider, dek, wrap } = await world.warm();
    world.server.expireTokens();
    const calls = Array.from({ length: 50 }, () => provider.unwrapKey(wrap));
    for (const bytes of await Promise.all(calls)) expect(dek.equals(bytes)).toBe(true);
  });

  it('is asked for without claims where the credential takes none', async () => {
    const credential = new TakesNoClaims(() => world.server.credential());
    const { provider, dek, wrap } = await world.warm({ credential });
    world.server.expireTokens();
    credential.forget();
    expect(dek.equals(await provider.unwrapKey(wrap))).toBe(true);
    expect(credential.refusals).toBe(1);
  });

  it('whatever token it is, is asked for anew once, and no more until one is taken', async () => {
    const { provider, dek, wrap } = await world.warm();
    const { identityProvider } = world.server;
    const { tokenRequests } = identityProvider;
    const refusing = world.server.script({
      on: 'unwrapKey',
      challenge: usualChallenge(world),
      times: Infinity,
    });
    for (let call = 0; call < 5; call += 1) {
      expect(await world.failure(provider.unwrapKey(wrap))).toEqual({
        code: 'KEY_PROVIDER_DENIED',
        message: problem('unwrapKey', NOT_ACCEPTED),
        retryable: false,
      });
    }
    expect(identityProvider.tokenRequests).toBe(tokenRequests + 1);
    refusing.cancel();
    expect(dek.equals(await provider.unwrapKey(wrap))).toBe(true);
    world.server.expireTokens();
    expect(dek.equals(await provider.unwrapKey(wrap))).toBe(true);
    expect(identityProvider.tokenRequests).toBe(tokenRequests + 2);
  });

  it('because a clock is wrong, is reported as such', async () => {
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
    expect(run.summary).toMatchObject({ complete: true, changed: 3, failed: 0 });
    expect(identityProvider.tokenRequests).toBeGreaterThan(3);
    expect(
      world.server.requests.filter(({ authorized, status }) => authorized && status === 401),
    ).toEqual([]);
  });
});

describe('an identity provider', () => {
  it('that refuses is reported as such, for any call, and called once', async () => {
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

  it('that hangs forever is reported in time', async () => {
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
  it.each(BAD_CREDENTIALS)(
    'that %s is reported as such, and not quoted',
    async (_name, getToken) => {
      world.secrets.add(SECRET_OF_CREDENTIAL);
      const provider = world.provider({ credential: { getToken } as VaultCredential });
      expect(await world.failure(provider.currentVersion())).toEqual({
        code: 'KEY_PROVIDER_DENIED',
        message: problem('get', NO_TOKEN),
        retryable: false,
      });
      expect(world.server.requests.map(({ authorized }) => authorized)).toEqual([false]);
    },
  );

  it('is not called forever by callers that wait for the same token', async () => {
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

  it('that hangs and ignores signals delays no later caller', async () => {
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
