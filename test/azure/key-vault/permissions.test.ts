import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryDekStore } from '../../../src/testing/index.js';
import { MEK_NAME } from '../../support/azure/akv-provider.js';
import type { Permissions } from '../../support/azure/key-vault/operation.js';
import { contentsOf, note } from '../../support/encryptor.js';
import { rejection } from '../../support/failure.js';
import { VaultWorld } from './vault-world.js';

const FRESH = { workspaceId: 'w', id: 'new', body: 'text' };
const NONE = { get: false, wrapKey: false, unwrapKey: false } satisfies Partial<Permissions>;

let world: VaultWorld;

beforeEach(async () => {
  world = await VaultWorld.start();
});

afterEach(() => world.stop());

function allow(permissions: Partial<Permissions>): void {
  Object.assign(world.server.permissions, permissions);
}

function operations(): string[] {
  return world.server.requests
    .filter(({ authorized }) => authorized)
    .map(({ operation, status }) => `${operation} ${String(status)}`);
}

function byRbac(use: string, mekVersion?: string): object {
  return {
    code: 'KEY_PROVIDER_DENIED',
    message: `${use} on ${world.address(mekVersion)} was refused: give this identity a role with keys/${use}, such as Key Vault Crypto Service Encryption User; a new role takes effect after some minutes`,
    retryable: false,
  };
}

const DENIALS = ['ForbiddenByRbac', 'ForbiddenByPolicy'] as const;

describe('without keys/get', () => {
  it.each(DENIALS)('(%s) the error asks to pin the current version', async (denial) => {
    world.server.behaviour.denial = denial;
    allow({ get: false });
    const provider = world.provider();
    expect(await world.failure(provider.currentVersion())).toEqual({
      code: 'KEY_PROVIDER_DENIED',
      message: `The current version of ${world.address()} cannot be looked up: grant the permission keys/get, or pin the version with FIELD_ENCRYPT_MEK_VERSION (option "mekVersion")`,
      retryable: false,
    });
    const { cause } = (await rejection(provider.currentVersion())) as Error;
    expect((cause as Error).message).toContain(`get on ${world.address()} was refused`);
  });

  it('a pinned version works: a product is begun, read, and rotated', async () => {
    allow({ get: false });
    const pinned = world.provider({ mekVersion: world.first });
    const product = await world.product(pinned);
    expect(await world.rows(product.memory)).toMatchObject(
      Array(3).fill({ mekVersion: world.first }),
    );
    await world.expectReadable(product, world.provider({ mekVersion: world.first }));
    const mekVersion = await world.rotate();
    const run = await world.rewrap(product.encryptor, { target: { mekVersion } });
    expect(run.summary).toMatchObject({ complete: true, changed: 3, failed: 0 });
    await world.expectReadable(product, world.provider({ mekVersion }));
  });

  it('a version is proved by an unwrap, once in stateTtlMs', async () => {
    allow({ get: false });
    const provider = world.provider({ stateTtlMs: 5_000 });
    const wrap = (): Promise<unknown> => provider.wrapKey(world.dek(), { mekVersion: world.first });
    const proof = ['get 403', 'wrapKey 200', 'unwrapKey 200'];
    await wrap();
    expect(operations()).toEqual(proof);
    world.forget();
    await wrap();
    world.clock.advance(4_999);
    await wrap();
    expect(operations()).toEqual(['wrapKey 200', 'wrapKey 200']);
    world.forget();
    world.clock.advance(1);
    await wrap();
    expect(operations()).toEqual(proof);
  });

  it('nothing is taken for proved that unwraps to another DEK', async () => {
    allow({ get: false });
    const provider = world.provider();
    const wrapping = (): Promise<unknown> =>
      provider.wrapKey(world.dek(), { mekVersion: world.first });
    for (const wrongDekLength of [32, 31]) {
      world.server.script({ on: 'unwrapKey', wrongDekLength });
      expect(await world.failure(wrapping())).toEqual({
        code: 'WRAP_REJECTED',
        message: `The MEK akv/${MEK_NAME}/${world.first} did not make this wrap, or the wrap was changed`,
        retryable: false,
      });
    }
    world.forget();
    await wrapping();
    expect(operations()).toEqual(['get 403', 'wrapKey 200', 'unwrapKey 200']);
  });

  it('nothing is wrapped locally, and the error says why', async () => {
    allow({ get: false });
    const provider = world.provider({ wrapMode: 'local', mekVersion: world.first });
    const wrapping = (): Promise<unknown> =>
      provider.wrapKey(world.dek(), { mekVersion: world.first });
    expect(await world.failure(wrapping())).toEqual({
      code: 'KEY_PROVIDER_DENIED',
      message: `The MEK akv/${MEK_NAME}/${world.first} cannot be read: wrapMode "local" needs the permission keys/get`,
      retryable: false,
    });
    expect(operations()).toEqual(['get 403']);
    allow({ get: true });
    await wrapping();
    expect(operations()).toEqual(['get 403', 'get 200']);
  });

  it('because of the firewall, nothing else is tried', async () => {
    world.server.behaviour.denial = 'ForbiddenByFirewall';
    allow(NONE);
    for (const wrapMode of ['vault', 'local'] as const) {
      world.forget();
      const provider = world.provider({ wrapMode });
      const wrapping = provider.wrapKey(world.dek(), { mekVersion: world.first });
      expect(await world.failure(wrapping)).toEqual({
        code: 'KEY_PROVIDER_DENIED',
        message: `get on ${world.address(world.first)} was refused by the vault's firewall: allow this network, or use a private endpoint`,
        retryable: false,
      });
      expect(operations()).toEqual(['get 403']);
    }
  });
});

describe('an identity that may', () => {
  it('unwrap alone reads, and makes no DEK', async () => {
    const product = await world.product(world.provider());
    allow({ ...NONE, unwrapKey: true });
    const provider = world.provider({ mekVersion: world.first });
    await world.expectReadable(product, provider);
    const reader = world.encryptor(product.memory, provider);
    await world.expectNothingWritten(product.memory, 'KEY_PROVIDER_DENIED', () =>
      reader.encryptDocument(note, FRESH),
    );
    const wrapping = provider.wrapKey(world.dek(), { mekVersion: world.first });
    expect(await world.failure(wrapping)).toEqual(byRbac('wrapKey', world.first));
  });

  it('unwrap and look reads, and wraps locally, which is why the audit line is missing', async () => {
    allow({ ...NONE, unwrapKey: true, get: true });
    const product = await world.product(world.provider({ wrapMode: 'local' }));
    await world.expectReadable(product, world.provider());
    expect(world.server.count('wrapKey')).toBe(0);
  });

  it('wrap and look alone writes, and reads nothing', async () => {
    allow({ unwrapKey: false });
    const { memory, stored } = await world.product(world.provider(), 1);
    const reader = world.encryptor(memory, world.provider());
    await world.expectNothingWritten(memory, 'KEY_PROVIDER_DENIED', () =>
      reader.decryptDocument(note, stored[0] as never),
    );
    const encryptor = world.encryptor(memory, world.provider());
    const target = { mekVersion: await world.rotate() };
    await world.expectNothingWritten(memory, 'KEY_PROVIDER_DENIED', () =>
      world.rewrap(encryptor, { target }),
    );
  });

  it('nothing begins no product', async () => {
    allow(NONE);
    const memory = new MemoryDekStore();
    const encryptor = world.encryptor(memory, world.provider({ mekVersion: world.first }));
    const sealing = encryptor.encryptDocument(note, FRESH);
    expect(await world.failure(sealing)).toEqual(byRbac('wrapKey', world.first));
    expect(await contentsOf(memory)).toMatchObject({ items: [] });
  });
});

describe('a role that was just granted', () => {
  it.each(['vault', 'local'] as const)(
    'is used as soon as the vault knows it, with wrapMode %s',
    async (wrapMode) => {
      const { wrap, dek } = await world.warm();
      allow(NONE);
      const provider = world.provider({ wrapMode });
      const calls = [
        () => provider.currentVersion(),
        () => provider.unwrapKey(wrap),
        () => provider.wrapKey(dek, { mekVersion: world.first }),
      ];
      for (let minute = 0; minute < 2; minute += 1) {
        for (const call of calls) {
          expect(await world.failure(call())).toMatchObject({
            code: 'KEY_PROVIDER_DENIED',
            retryable: false,
          });
        }
      }
      expect(world.clock.sleeps).toEqual([]);
      allow({ get: true, wrapKey: true, unwrapKey: true });
      expect(await provider.currentVersion()).toBe(world.first);
      expect(dek.equals(await provider.unwrapKey(wrap))).toBe(true);
      await provider.wrapKey(dek, { mekVersion: world.first });
    },
  );
});
