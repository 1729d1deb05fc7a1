import { CryptographyClient } from '@azure/keyvault-keys';
import { afterEach, describe, expect, it } from 'vitest';
import { MEK_NAME } from '../../support/azure/akv-provider.js';
import type { VersionOptions } from '../../support/azure/key-vault/key-versions.js';
import { note } from '../../support/encryptor.js';
import { rejection } from '../../support/failure.js';
import { RecordingClock, VaultWorld, type VaultWorldOptions } from './vault-world.js';
import { someOf } from '../../support/lane.js';

const FRESH = { workspaceId: 'w', id: 'new', body: 'text' };
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const PAST = new Date('2001-01-01T00:00:00Z');
const FUTURE = new Date('2999-01-01T00:00:00Z');

let world: VaultWorld;

async function start(options: VaultWorldOptions = {}): Promise<VaultWorld> {
  world = await VaultWorld.start(options);
  return world;
}

afterEach(() => world.stop());

function mek(mekVersion: string): string {
  return `akv/${MEK_NAME}/${mekVersion}`;
}

function notValid(mekVersion: string, what: string): object {
  return {
    code: 'MEK_NOT_VALID_NOW',
    message: `The MEK ${mek(mekVersion)} ${what}: it unwraps, but wraps no DEK; rotate to another version, or change its dates`,
    retryable: false,
  };
}

function disabled(mekVersion: string): object {
  return {
    code: 'MEK_DISABLED',
    message: `The MEK ${mek(mekVersion)} is disabled: enable that version again, or rotate to another`,
    retryable: false,
  };
}

const OUT_OF_DATE: readonly (readonly [string, VersionOptions, RegExp])[] = [
  ['has expired', { expiresOn: PAST }, /expired at/],
  ['is not yet valid', { notBefore: FUTURE }, /can't be used before/],
];

describe.each(someOf(OUT_OF_DATE))('a version that %s', (what, dates, complaint) => {
  it('unwraps, where a plain client of the SDK refuses on its own', async () => {
    const { server, first } = await start();
    const { provider, dek, wrap } = await world.warm();
    server.updateKey(MEK_NAME, first, dates);
    world.forget();
    const plain = new CryptographyClient(
      world.address(first),
      server.credential(),
      server.clientOptions(),
    );
    const wrapped = Buffer.from(wrap.wrappedDek, 'base64url');
    const error = await rejection(plain.unwrapKey('RSA-OAEP-256', wrapped));
    expect(error).toMatchObject({ name: 'Error', message: complaint });
    expect(error).not.toHaveProperty('statusCode');
    expect(server.count('unwrapKey')).toBe(0);
    expect(dek.equals(await provider.unwrapKey(wrap))).toBe(true);
    expect(dek.equals(await world.provider().unwrapKey(wrap))).toBe(true);
  });

  it.each(['vault', 'local'] as const)('wraps nothing, with wrapMode %s', async (wrapMode) => {
    const { server, first } = await start();
    server.updateKey(MEK_NAME, first, dates);
    const provider = world.provider({ wrapMode });
    const wrapping = provider.wrapKey(world.dek(), { mekVersion: first });
    expect(await world.failure(wrapping)).toEqual(notValid(first, what));
    expect(await world.failure(provider.currentVersion())).toEqual(notValid(first, what));
    expect(server.count('wrapKey')).toBe(0);
  });

  it('can be rotated away from, and not to', async () => {
    const { server, first } = await start();
    const provider = world.provider({ mekVersion: first });
    const product = await world.product(provider);
    const [second, third] = [await world.rotate(), await world.rotate()];
    server.updateKey(MEK_NAME, first, dates);
    server.updateKey(MEK_NAME, third, dates);
    const { encryptor, memory } = product;
    await world.expectNothingWritten(memory, 'MEK_NOT_VALID_NOW', () =>
      world.rewrap(encryptor, { target: { mekVersion: third } }),
    );
    await world.expectReadable(product, provider);
    const run = await world.rewrap(encryptor, { target: { mekVersion: second } });
    expect(run.summary).toMatchObject({ complete: true, changed: 3, failed: 0 });
  });
});

describe('dates', () => {
  const AHEAD = 10 * MINUTE_MS;

  /** Our own clock, which runs ahead of the vault's by so much, or behind. */
  async function skewed(
    aheadMs: number,
    dates: (nowMs: number) => VersionOptions,
  ): Promise<RecordingClock> {
    const [ours, vaults] = [new RecordingClock(), new RecordingClock()];
    await start({ clock: vaults, key: dates(vaults.wallMs()) });
    if (aheadMs > 0) ours.advance(aheadMs);
    else ours.setBack(-aheadMs);
    return ours;
  }

  it.each(['vault', 'local'] as const)(
    'are judged by our clock: ahead of the vault’s it refuses what the vault would wrap (%s)',
    async (wrapMode) => {
      const ours = await skewed(AHEAD, (now) => ({ expiresOn: new Date(now + 5 * MINUTE_MS) }));
      const provider = world.provider({ wrapMode, clock: ours });
      const wrapping = provider.wrapKey(world.dek(), { mekVersion: world.first });
      expect(await world.failure(wrapping)).toEqual(notValid(world.first, 'has expired'));
      expect(world.server.count('wrapKey')).toBe(0);
      const right = world.provider({ wrapMode });
      const dek = world.dek();
      const wrap = await right.wrapKey(dek, { mekVersion: world.first });
      expect(dek.equals(await provider.unwrapKey(wrap))).toBe(true);
    },
  );

  it('are judged by the vault too, where our clock is behind', async () => {
    const ours = await skewed(-AHEAD, (now) => ({ expiresOn: new Date(now - 5 * MINUTE_MS) }));
    const provider = world.provider({ clock: ours });
    const wrapping = provider.wrapKey(world.dek(), { mekVersion: world.first });
    expect(await world.failure(wrapping)).toEqual({
      code: 'MEK_NOT_VALID_NOW',
      message: `wrapKey on ${world.address(world.first)} was refused: the version is expired or not yet valid; rotate to another`,
      retryable: false,
    });
  });

  it('are judged by our clock alone where it wraps locally, and the wrap unwraps', async () => {
    const ours = await skewed(-AHEAD, (now) => ({ expiresOn: new Date(now - 5 * MINUTE_MS) }));
    const provider = world.provider({ clock: ours, wrapMode: 'local' });
    const dek = world.dek();
    const wrap = await provider.wrapKey(dek, { mekVersion: world.first });
    expect(dek.equals(await provider.unwrapKey(wrap))).toBe(true);
  });

  it('that begin later by the vault’s clock are not waited for', async () => {
    const ours = await skewed(AHEAD, (now) => ({ notBefore: new Date(now + 5 * MINUTE_MS) }));
    const provider = world.provider({ clock: ours });
    const wrapping = provider.wrapKey(world.dek(), { mekVersion: world.first });
    expect(await world.failure(wrapping)).toMatchObject({ code: 'MEK_NOT_VALID_NOW' });
    expect(world.server.count('wrapKey')).toBe(1);
  });

  it('are checked for each wrap, however recently the version was read', async () => {
    const clock = new RecordingClock();
    const expiresOn = new Date(clock.wallMs() + HOUR_MS / 2);
    await start({ clock, key: { expiresOn } });
    const { provider, dek } = await world.warm({ stateTtlMs: HOUR_MS, wrapMode: 'local' });
    clock.advance(HOUR_MS / 2 - 1);
    await provider.wrapKey(dek, { mekVersion: world.first });
    clock.advance(1);
    const wrapping = provider.wrapKey(dek, { mekVersion: world.first });
    expect(await world.failure(wrapping)).toEqual(notValid(world.first, 'has expired'));
    expect(world.server.count()).toBe(0);
  });
});

describe('the vault’s word on a version', () => {
  it('counts from when it was asked for, however long the answer took', async () => {
    const { clock, first, server } = await start();
    const provider = world.provider({ stateTtlMs: 10_000 });
    const slowly = (): void => {
      clock.advance(9_000);
    };
    const calls = [
      () => provider.currentVersion(),
      () => provider.wrapKey(world.dek(), { mekVersion: first }),
    ];
    for (const call of calls) {
      server.script({ on: 'get', first: slowly });
      await call();
      clock.advance(999);
      world.forget();
      await call();
      expect(server.count('get')).toBe(0);
      clock.advance(1);
      await call();
      expect(server.count('get')).toBe(1);
      clock.advance(10_000);
    }
  });
});

describe('a disabled version', () => {
  const ANSWERS = ['allowed', 'refused'] as const;

  it.each(ANSWERS)(
    'is refused before it wraps, although the vault would wrap (looking at it is %s)',
    async (getOfDisabled) => {
      const { server, first } = await start({
        behaviour: { wrapOnDisabled: 'allowed', getOfDisabled },
      });
      const provider = world.provider({ mekVersion: first });
      const { memory, encryptor } = await world.product(provider, 1);
      const second = await world.rotate();
      server.updateKey(MEK_NAME, second, { enabled: false });
      world.forget();
      await world.expectNothingWritten(memory, 'MEK_DISABLED', () =>
        world.rewrap(encryptor, { target: { mekVersion: second } }),
      );
      const looking = await world.failure(world.provider().currentVersion());
      if (getOfDisabled === 'allowed') expect(looking).toEqual(disabled(second));
      else expect(looking).toMatchObject({ code: 'MEK_DISABLED', retryable: false });
      expect(server.count('wrapKey')).toBe(0);
    },
  );

  it('is read again, and wraps as soon as it is enabled', async () => {
    const { server, first } = await start({ behaviour: { getOfDisabled: 'allowed' } });
    server.updateKey(MEK_NAME, first, { enabled: false });
    const provider = world.provider();
    for (const wrapMode of ['vault', 'local'] as const) {
      const each = world.provider({ wrapMode });
      const wrapping = each.wrapKey(world.dek(), { mekVersion: first });
      expect(await world.failure(wrapping)).toEqual(disabled(first));
    }
    server.updateKey(MEK_NAME, first, { enabled: true });
    expect(await provider.currentVersion()).toBe(first);
    await provider.wrapKey(world.dek(), { mekVersion: first });
  });

  it('is proved by an unwrap where reading is denied, and refused where that fails', async () => {
    const { server, first } = await start({ behaviour: { wrapOnDisabled: 'allowed' } });
    const provider = world.provider({ mekVersion: first });
    const { memory, encryptor } = await world.product(provider, 1);
    server.permissions.get = false;
    server.updateKey(MEK_NAME, first, { enabled: false });
    const blind = world.provider({ mekVersion: first });
    const wrapping = blind.wrapKey(world.dek(), { mekVersion: first });
    expect(await world.failure(wrapping)).toEqual({
      code: 'MEK_DISABLED',
      message: `unwrapKey on ${world.address(first)} was refused: the version is disabled; enable it again, or rotate to another`,
      retryable: false,
    });
    const writer = world.encryptor(memory, blind);
    await world.expectNothingWritten(memory, 'MEK_DISABLED', () =>
      writer.encryptDocument(note, FRESH),
    );
    await world.expectNothingWritten(memory, 'MEK_DISABLED', () =>
      world.rewrap(encryptor, { target: { mekVersion: first } }),
    );
  });

  it('is not distinguished from an enabled one by a stale replica; the vault refuses, and nothing is written', async () => {
    const { server, first } = await start();
    const provider = world.provider({ mekVersion: first });
    const { memory, encryptor } = await world.product(provider, 1);
    const second = await world.rotate();
    server.freezeReads();
    server.updateKey(MEK_NAME, second, { enabled: false });
    await world.expectNothingWritten(memory, 'MEK_DISABLED', () =>
      world.rewrap(encryptor, { target: { mekVersion: second } }),
    );
    expect(server.count('wrapKey')).toBe(2);
  });
});

describe('a version list that is 60 s old', () => {
  it('gives the earlier version, and the new one as soon as it is seen', async () => {
    const { server, first, clock } = await start();
    server.freezeReads();
    const second = await world.rotate();
    const provider = world.provider();
    const product = await world.product(provider, 1);
    expect(await world.rows(product.memory)).toMatchObject([{ mekVersion: first }]);
    await world.expectNothingWritten(product.memory, 'MEK_VERSION_UNKNOWN', () =>
      world.rewrap(product.encryptor, { target: { mekVersion: second } }),
    );
    server.thawReads();
    expect(await provider.currentVersion()).toBe(first);
    clock.advance(MINUTE_MS);
    expect(await provider.currentVersion()).toBe(second);
    const run = await world.rewrap(product.encryptor, { target: { mekVersion: second } });
    expect(run.summary).toMatchObject({ complete: true, changed: 1 });
  });
});

describe('a key', () => {
  it('that was soft-deleted is missing until it is recovered', async () => {
    const { server, first } = await start();
    const provider = world.provider({ mekVersion: first });
    const product = await world.product(provider, 1);
    const { provider: warm, wrap, dek } = await world.warm();
    server.deleteKey(MEK_NAME);
    const gone = (use: string): object => ({
      code: 'MEK_VERSION_UNKNOWN',
      message: `${use} on ${world.address(first)} found no such version of the key: if it was deleted, recover it; else check vault and name`,
      retryable: false,
    });
    expect(await world.failure(warm.unwrapKey(wrap))).toEqual(gone('unwrapKey'));
    expect(await world.failure(warm.wrapKey(dek, { mekVersion: first }))).toEqual(gone('wrapKey'));
    expect(await world.failure(world.provider().currentVersion())).toEqual({
      code: 'MEK_VERSION_UNKNOWN',
      message: `get on ${world.address()} found no such key: if it was deleted, recover it; else check vault and name`,
      retryable: false,
    });
    const reader = world.encryptor(product.memory, provider);
    await world.expectNothingWritten(product.memory, 'MEK_VERSION_UNKNOWN', () =>
      reader.decryptDocument(note, product.stored[0] as never),
    );
    server.recoverKey(MEK_NAME);
    await world.expectReadable(product, provider);
    await warm.wrapKey(dek, { mekVersion: first });
  });

  it('that is being recovered is waited for', async () => {
    const clock = new RecordingClock();
    const { server, first } = await start({ clock, behaviour: { recoveryWindowMs: 1_000 } });
    const { provider, dek, wrap } = await world.warm();
    server.deleteKey(MEK_NAME);
    server.recoverKey(MEK_NAME);
    expect(dek.equals(await provider.unwrapKey(wrap))).toBe(true);
    await provider.wrapKey(dek, { mekVersion: first });
    expect(clock.sleeps).toEqual([281.25, 562.5, 1_125]);
    expect(server.requests.map(({ status }) => status)).toEqual([409, 409, 409, 200, 200]);
  });

  it('that was purged, and a version that never was, are missing', async () => {
    const { server, first } = await start();
    const { provider, dek, wrap } = await world.warm();
    const mekVersion = 'f'.repeat(32);
    const code = 'MEK_VERSION_UNKNOWN';
    expect(await world.failure(provider.unwrapKey({ ...wrap, mekVersion }))).toMatchObject({
      code,
    });
    expect(await world.failure(provider.wrapKey(dek, { mekVersion }))).toMatchObject({ code });
    server.deleteKey(MEK_NAME);
    server.purgeKey(MEK_NAME);
    expect(await world.failure(provider.unwrapKey(wrap))).toMatchObject({ code });
    const wrapping = provider.wrapKey(dek, { mekVersion: first });
    expect(await world.failure(wrapping)).toMatchObject({ code });
    expect(server.requests.filter(({ operation }) => operation === 'unwrapKey')).toHaveLength(2);
  });
});
