import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AkvKeyProvider } from '../../../src/azure/key-vault/index.js';
import { MEK_NAME } from '../../support/azure/akv-provider.js';
import { vaultHostPolicy } from '../../support/azure/key-vault-server.js';
import { deferred } from '../../support/deferred.js';
import { rejection } from '../../support/failure.js';
import { usualChallenge, VaultWorld } from './vault-world.js';

let world: VaultWorld;

beforeEach(async () => {
  world = await VaultWorld.start();
});

afterEach(() => world.stop());

describe('who waits for a token', () => {
  it('gets it as soon as it is there, however long the call that asked for it takes', async () => {
    const { wrap, dek } = await world.warm();
    const provider = world.provider();
    world.server.script({ on: 'unwrapKey', hang: true });
    const arrived = world.server.nextRequest('unwrapKey');
    const abort = new AbortController();
    const reason = new Error('enough');
    const first = { isOver: false };
    const hanging = rejection(provider.unwrapKey(wrap, { signal: abort.signal })).finally(() => {
      first.isOver = true;
    });
    const waiting = provider.unwrapKey(wrap);
    await arrived;
    expect(dek.equals(await waiting)).toBe(true);
    expect(first.isOver).toBe(false);
    abort.abort(reason);
    expect(await hanging).toBe(reason);
  });

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
  ['of another tenant', () => usualChallenge(world).replace(/\/[0-9a-f-]{36}"/, '/other-tenant"')],
];

describe('a challenge', () => {
  /** How often another client than the first had to ask the vault for it. */
  async function asksOfAnotherClient(provider: AkvKeyProvider): Promise<number> {
    const mekVersion = await world.rotate();
    world.forget();
    await provider.wrapKey(world.dek(), { mekVersion });
    expect(world.server.unauthorizedBodies).toBe(0);
    return world.server.challenges;
  }

  it('that led to a token is answered from memory for all later clients', async () => {
    const { provider } = await world.warm();
    expect(await asksOfAnotherClient(provider)).toBe(0);
  });

  it('is asked for by another client, as long as the vault has taken no token', async () => {
    const { wrap } = await world.warm();
    const provider = world.provider({ maxAttempts: 1 });
    world.server.script({ on: 'unwrapKey', status: 503 });
    await world.failure(provider.unwrapKey(wrap));
    // The client that reads keys is another one, and asks first.
    expect(await asksOfAnotherClient(provider)).toBe(1);
  });

  it('that comes with claims is for one client, and no other', async () => {
    world.server.behaviour.revokedToken = 'claims';
    const { provider, wrap } = await world.warm();
    world.server.expireTokens();
    await provider.unwrapKey(wrap);
    expect(await asksOfAnotherClient(provider)).toBe(0);
  });

  it('that changes is asked for by other clients again', async () => {
    const real = world.server.credential();
    const asked = deferred();
    const getToken: typeof real.getToken = (scopes, options) => {
      const isOther = options?.tenantId === 'other-tenant';
      if (isOther) asked.resolve();
      return isOther ? new Promise(() => undefined) : real.getToken(scopes, options);
    };
    const { provider, wrap } = await world.warm({ credential: { getToken } });
    const challenge = usualChallenge(world).replace(/\/[0-9a-f-]{36}"/, '/other-tenant"');
    world.server.script({ on: 'unwrapKey', challenge });
    const abort = new AbortController();
    const reason = new Error('enough');
    const unwrapping = rejection(provider.unwrapKey(wrap, { signal: abort.signal }));
    await asked.promise;
    abort.abort(reason);
    expect(await unwrapping).toBe(reason);
    expect(await asksOfAnotherClient(provider)).toBe(1);
  });

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
      expect(summary).toMatchObject({ complete: true, changed: 3 });
      await world.expectReadable(product, verifying());
      const rows = JSON.stringify(await world.rows(product.memory));
      expect(rows).not.toContain('vault.azure.net');
    });

    it('is refused where it is for another service: no token is asked for, none is sent', async () => {
      const { wrap, dek } = await world.warm();
      const { identityProvider } = world.server;
      const challenge = usualChallenge(world).replace('vault.azure.net', 'evil.example');
      world.fault({ challenge }, () => true);
      identityProvider.clearRequests();
      const provider = verifying();
      const told = (use: string, version: string): object => ({
        code: 'KEY_PROVIDER_FAILED',
        message: `${use} on ${world.server.vaultHostUrl}/keys/${MEK_NAME}${version} was challenged for a token of another service: check the address of the vault`,
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
