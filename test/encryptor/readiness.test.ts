import { describe, expect, it } from 'vitest';
import type { RotationRecord } from '../../src/adapters.js';
import { EnvKeyProvider, KeyProviderError, StoreError } from '../../src/index.js';
import {
  contentsOf,
  encryptAny,
  KEY,
  MEK_HEX,
  OTHER_MEK_HEX,
  PRODUCT,
  setup,
} from '../support/encryptor.js';
import { describeError, refused } from '../support/failure.js';

const DURATION = { durationMs: 0 };

describe('checkReadiness', () => {
  it('tries the store and each provider of a new product, and writes nothing', async () => {
    const second = new EnvKeyProvider({ key: OTHER_MEK_HEX, id: 'other' });
    const made = setup({ keyProviders: [new EnvKeyProvider({ key: MEK_HEX }), second] });
    const before = await contentsOf(made.memory);
    expect(await made.encryptor.checkReadiness()).toEqual({
      ready: true,
      checks: [
        { name: 'dek-store', ok: true, ...DURATION },
        { name: 'key-provider env/env', ok: true, ...DURATION },
        { name: 'key-provider other/env', ok: true, ...DURATION },
      ],
      enabled: true,
      mode: 'strict',
      recordAuthentication: 'off',
      neverSeen: [],
      warnings: [],
      information: [],
    });
    expect(made.provider.calls).toEqual({ currentVersion: 1, wrapKey: 1, unwrapKey: 1 });
    expect(made.store.calls).toEqual({ getRotation: 1 });
    expect(await contentsOf(made.memory)).toEqual(before);
  });

  it('tries the version that the rotation record names, current or not', async () => {
    const made = setup();
    await encryptAny(made.encryptor, { ...KEY, body: 'text' });
    const rotated = new EnvKeyProvider({ key: OTHER_MEK_HEX, previousKeys: [MEK_HEX] });
    const other = setup({ beside: made, keyProviders: [rotated] });
    let version: unknown;
    other.provider.before = (method, [, options]) => {
      if (method === 'wrapKey') ({ mekVersion: version } = options as RotationRecord);
    };
    expect(await other.encryptor.checkReadiness()).toMatchObject({ ready: true });
    expect(version).toBe('env-2e78b39dca20f0b4');
    expect(other.provider.calls).toEqual({ currentVersion: 1, wrapKey: 1, unwrapKey: 1 });
  });

  it('says where the MEK has a newer version than the record, which is no problem', async () => {
    const made = setup();
    await encryptAny(made.encryptor, { ...KEY, body: 'text' });
    expect((await made.encryptor.checkReadiness()).information).toEqual([]);
    const rotated = new EnvKeyProvider({ key: OTHER_MEK_HEX, previousKeys: [MEK_HEX] });
    const idle = new EnvKeyProvider({ key: OTHER_MEK_HEX, id: 'other' });
    const other = setup({ beside: made, keyProviders: [rotated, idle] });
    const newest = await rotated.currentVersion();
    expect(await other.encryptor.checkReadiness()).toMatchObject({
      ...{ ready: true, warnings: [] },
      information: [
        {
          code: 'MEK_NEWER_VERSION',
          message: `The newest version of the MEK env/env is ${newest}, and the rotation record names env-2e78b39dca20f0b4: nothing follows from it; DEKs are wrapped with the version of the record until rewrapAllDeks rotates to another`,
        },
      ],
    });
  });

  it.each([
    ['that cannot say its newest version', () => Promise.reject(new Error('no'))],
    ['that says no exact version', () => 'latest version'],
  ])('is not concerned by a provider %s', async (_what, answer) => {
    const made = setup();
    await encryptAny(made.encryptor, { ...KEY, body: 'text' });
    const other = setup({ beside: made });
    other.provider.after = (method, result) => (method === 'currentVersion' ? answer() : result);
    const readiness = await other.encryptor.checkReadiness();
    expect(readiness).toMatchObject({ ready: true, information: [] });
  });

  it('does not ask a provider that has failed for its newest version', async () => {
    const made = setup();
    await encryptAny(made.encryptor, { ...KEY, body: 'text' });
    const other = setup({ beside: made });
    other.provider.before = (method) =>
      method === 'wrapKey' ? Promise.reject(new Error('no')) : undefined;
    expect(await other.encryptor.checkReadiness()).toMatchObject({ ready: false, information: [] });
    expect(other.provider.calls).toEqual({ wrapKey: 1 });
  });

  it('says whether encryption is on, and what is done with plaintext', async () => {
    const { encryptor } = setup({ enabled: false, mode: 'migrate' });
    const readiness = await encryptor.checkReadiness();
    expect(readiness).toMatchObject({ ready: true, enabled: false, mode: 'migrate' });
  });

  it('says how long each check took', async () => {
    const made = setup();
    made.store.before = () => {
      made.clock.advance(40);
    };
    made.provider.before = (method) => {
      if (method === 'unwrapKey') made.clock.advance(7);
    };
    const { checks } = await made.encryptor.checkReadiness();
    expect(checks.map(({ durationMs }) => durationMs)).toEqual([40, 7]);
  });

  it('reports a store that fails, and still tries the provider', async () => {
    const made = setup();
    const outage = new StoreError('STORE_UNAVAILABLE', 'down');
    made.store.before = () => Promise.reject(outage);
    expect(await made.encryptor.checkReadiness()).toEqual({
      ready: false,
      checks: [
        { name: 'dek-store', ok: false, ...DURATION, error: outage },
        { name: 'key-provider env/env', ok: true, ...DURATION },
      ],
      enabled: true,
      mode: 'strict',
      recordAuthentication: 'off',
      neverSeen: [],
      warnings: [],
      information: [],
    });
  });

  it.each(['currentVersion', 'wrapKey', 'unwrapKey'])(
    'reports a provider that fails in %s',
    async (name) => {
      const made = setup();
      const outage = new KeyProviderError('KEY_PROVIDER_DENIED', 'no');
      made.provider.before = (method) => (method === name ? Promise.reject(outage) : undefined);
      const { ready, checks } = await made.encryptor.checkReadiness();
      expect(ready).toBe(false);
      expect(checks.map(({ ok }) => ok)).toEqual([true, false]);
      expect(checks[1]?.error).toBe(outage);
    },
  );

  it('reports a provider that returns other bytes', async () => {
    for (const bytes of [Buffer.alloc(32), Buffer.alloc(31), Buffer.alloc(0)]) {
      const made = setup();
      made.provider.after = (method, result) => (method === 'unwrapKey' ? bytes : result);
      const { checks } = await made.encryptor.checkReadiness();
      expect(describeError(checks[1]?.error)).toEqual(
        refused(
          'ADAPTER_CONTRACT',
          'The key provider "env" broke rule K4: a key wrapped with env/env/env-2e78b39dca20f0b4 was unwrapped to a different key; fix the adapter',
        ),
      );
    }
  });

  it('reports a rotation record that names a provider that is not configured', async () => {
    const made = setup();
    await encryptAny(made.encryptor, { ...KEY, body: 'text' });
    const item = await made.memory.getRotation(PRODUCT);
    const record = { ...(item?.value as RotationRecord), keyProvider: 'akv', mekName: 'mek' };
    await made.memory.replaceItem(record, item?.etag as string);
    const { ready, checks } = await made.encryptor.checkReadiness();
    expect(ready).toBe(false);
    expect(describeError(checks[0]?.error)).toEqual(
      refused(
        'KEY_PROVIDER_NOT_CONFIGURED',
        'No configured key provider has the id "akv" and the MEK "mek": add it to "keyProviders"',
      ),
    );
    expect(checks[1]).toMatchObject({ ok: true });
  });

  it('reports a rotation record that was altered', async () => {
    const made = setup();
    made.store.after = () => ({ value: { type: 'rotation' }, etag: '"1"' });
    const { checks } = await made.encryptor.checkReadiness();
    expect(checks[0]).toMatchObject({ ok: false, error: { code: 'ROW_UNSUPPORTED' } });
  });
});
