import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { documentedOpsPerSecond } from '../../../src/azure/key-vault/mek-state.js';
import { rejection } from '../../support/failure.js';
import { VaultWorld } from './vault-world.js';
import { perLane } from '../../support/lane.js';

let world: VaultWorld;

beforeAll(async () => {
  world = await VaultWorld.start();
});

afterEach(() => {
  world.reset();
});

afterAll(() => world.stop());

describe('a call of a caller that paces its calls', () => {
  it.each(['unwrapKey', 'wrapKey'] as const)(
    'hears at once that %s was throttled',
    async (operation) => {
      const { provider, wrap, dek } = await world.warm();
      world.fault({ status: 429, headers: { 'retry-after': '7' } }, operation);
      const beforeRetry = (): Promise<void> => Promise.reject(new Error('it asked'));
      const options = { mekVersion: world.first, beforeRetry };
      const calls = {
        wrapKey: () => provider.wrapKey(dek, options),
        unwrapKey: () => provider.unwrapKey(wrap, options),
      };
      expect(await world.failure(calls[operation]())).toEqual({
        code: 'KEY_PROVIDER_THROTTLED',
        message: `${operation} on ${world.address(world.first)} was throttled: lower the concurrency, or spread the load over time`,
        retryable: true,
        retryAfterMs: 7_000,
      });
      expect(world.server.count()).toBe(1);
      expect(world.clock.sleeps).toEqual([]);
    },
  );

  it('waits for its turn before each attempt but the first', async () => {
    const { provider, wrap, dek } = await world.warm();
    world.fault({ status: 503 }, 'unwrapKey', 2);
    const requestsAtTurn: number[] = [];
    const beforeRetry = (): Promise<void> => {
      requestsAtTurn.push(world.server.count());
      return Promise.resolve();
    };
    expect(dek.equals(await provider.unwrapKey(wrap, { beforeRetry }))).toBe(true);
    expect(requestsAtTurn).toEqual([1, 2]);
    expect(world.clock.sleeps).toEqual([281.25, 562.5]);
  });

  it('looks at the version as ever: others may be waiting for the same look', async () => {
    const { dek } = await world.warm();
    const provider = world.provider();
    world.fault({ status: 429, headers: { 'retry-after': '2' } }, 'get', 1);
    const beforeRetry = (): Promise<void> => Promise.reject(new Error('it asked'));
    await provider.wrapKey(dek, { mekVersion: world.first, beforeRetry });
    expect(world.clock.sleeps).toEqual([2_000]);
  });
});

describe('localCalls', () => {
  it('are the wraps, where those are made here', () => {
    expect(world.provider().localCalls).toEqual([]);
    expect(world.provider({ wrapMode: 'local' }).localCalls).toEqual(['wrapKey']);
  });
});

/** Larger keys take long to make. */
const QUOTAS: readonly [type: 'RSA' | 'RSA-HSM', size: 2048 | 3072 | 4096, rate: number][] = [
  ['RSA', 2048, 400],
  ['RSA-HSM', 2048, 200],
  ['RSA', 3072, 100],
  ['RSA', 4096, 50],
  ['RSA-HSM', 3072, 50],
  ['RSA-HSM', 4096, 25],
];

describe('documentedOpsPerSecond', () => {
  it.each(perLane(QUOTAS.slice(0, 2), QUOTAS))('of %s %i is %i', async (type, size, rate) => {
    const mekName = `quota-${type}-${String(size)}`;
    const mekVersion = await world.server.createKey(mekName, { type, size });
    const provider = world.provider({ mekName });
    expect(await provider.documentedOpsPerSecond({ mekVersion })).toBe(rate);
  });

  it('is not known of other keys', async () => {
    expect(documentedOpsPerSecond('RSA', 1024)).toBeUndefined();
    expect(documentedOpsPerSecond('EC', 0)).toBeUndefined();
    expect(documentedOpsPerSecond('constructor', 2048)).toBeUndefined();
    expect(documentedOpsPerSecond(undefined, 2048)).toBeUndefined();
    const mekVersion = await world.server.createKey('quota-oct', { type: 'oct-HSM' });
    const provider = world.provider({ mekName: 'quota-oct', wrapAlgorithm: 'A256KW' });
    expect(await provider.documentedOpsPerSecond({ mekVersion })).toBeUndefined();
  });

  it('is none of a Managed HSM, which is not even asked', async () => {
    const provider = world.provider({ vaultUrl: 'https://hsm1.managedhsm.azure.net' });
    const mekVersion = world.first;
    expect(await provider.documentedOpsPerSecond({ mekVersion })).toBeUndefined();
    // What asks for a host that is not there tries again.
    expect(world.clock.sleeps).toEqual([]);
  });

  it('is known of a version that no DEK is wrapped with any more', async () => {
    const mekVersion = await world.server.createKey('quota-old');
    world.server.updateKey('quota-old', mekVersion, { expiresOn: new Date(1_000) });
    const provider = world.provider({ mekName: 'quota-old' });
    expect(await provider.documentedOpsPerSecond({ mekVersion })).toBe(400);
  });

  it('costs no request where the version was read just before', async () => {
    const { provider } = await world.warm();
    expect(await provider.documentedOpsPerSecond({ mekVersion: world.first })).toBe(400);
    expect(world.server.count()).toBe(0);
  });

  it.each([
    ['the identity may not look', { status: 403, innerCode: 'ForbiddenByRbac' }],
    ['the vault is down', { status: 503 }],
    ['the version is gone', { status: 404 }],
  ])('is not known while %s', async (_name, fault) => {
    world.fault(fault, 'get');
    const mekVersion = world.first;
    expect(await world.provider().documentedOpsPerSecond({ mekVersion })).toBeUndefined();
  });

  it('rejects with the reason of a signal that aborts meanwhile', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    world.fault({ hang: true }, 'get');
    const { signal } = stop;
    const looking = world.provider().documentedOpsPerSecond({ mekVersion: world.first, signal });
    looking.catch(() => undefined);
    await world.server.nextRequest('get');
    stop.abort(reason);
    expect(await rejection(looking)).toBe(reason);
  });
});
