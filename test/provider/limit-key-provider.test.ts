import { describe, expect, it } from 'vitest';
import { limitKeyProvider, type KeyProvider } from '../../src/adapters.js';
import { EnvKeyProvider, KeyProviderError } from '../../src/index.js';
import {
  keyProviderContract,
  ManualClock,
  type KeyProviderSubject,
} from '../../src/testing/index.js';
import { MEK_HEX, OTHER_MEK_HEX } from '../support/encryptor.js';
import { rejection } from '../support/failure.js';
import { probed } from '../support/probe.js';

const DEK = new Uint8Array(32).fill(7);

/** A key service, as far as callers can tell. */
function remote() {
  const env = new EnvKeyProvider({ key: MEK_HEX, previousKeys: [OTHER_MEK_HEX] });
  const { id, mekName, wrapAlgorithm } = env;
  const [provider, probe] = probed<KeyProvider>({
    id,
    mekName,
    wrapAlgorithm,
    currentVersion: (options) => env.currentVersion(options),
    wrapKey: (dek, options) => env.wrapKey(dek, options),
    unwrapKey: (wrap, options) => env.unwrapKey(wrap, options),
  });
  return { provider, probe };
}

async function makeSubject(): Promise<KeyProviderSubject> {
  const secrets = [Buffer.from(MEK_HEX, 'hex'), Buffer.from(OTHER_MEK_HEX, 'hex')];
  const versions = [MEK_HEX, OTHER_MEK_HEX].map((key) =>
    new EnvKeyProvider({ key }).currentVersion(),
  );
  const provider = limitKeyProvider(remote().provider, { maxOpsPerSecond: 100_000 });
  return { provider, mekVersions: await Promise.all(versions), secrets };
}

describe('a provider with a limit', () => {
  for (const { rule, name, run } of keyProviderContract(makeSubject)) it(`${rule} ${name}`, run);

  it('makes its calls one after another, and looks at versions at once', async () => {
    const clock = new ManualClock();
    const { provider, probe } = remote();
    const limited = limitKeyProvider(provider, { maxOpsPerSecond: 1, clock });
    const mekVersion = await limited.currentVersion();
    const wraps = [1, 2, 3].map(() => limited.wrapKey(DEK, { mekVersion }));
    await clock.run(500);
    expect(probe.calls).toEqual({ currentVersion: 1, wrapKey: 1 });
    await clock.run(2_000);
    const [wrap] = await Promise.all(wraps);
    const unwrapping = limited.unwrapKey(wrap as never);
    await clock.run(2_000);
    expect(new Uint8Array(await unwrapping)).toEqual(DEK);
  });

  it('does not hold calls that ask no key service', async () => {
    const clock = new ManualClock();
    const env = new EnvKeyProvider({ key: MEK_HEX });
    const limited = limitKeyProvider(env, { maxOpsPerSecond: 1, maxQueued: 1, clock });
    const mekVersion = await limited.currentVersion();
    await Promise.all(Array.from({ length: 100 }, () => limited.wrapKey(DEK, { mekVersion })));
    expect(limited.localMeks).toEqual(env.localMeks);
    expect(clock.monotonicMs()).toBe(0);
  });

  it('tries a throttled call again when the service wants it, and five times at most', async () => {
    const clock = new ManualClock();
    const { provider, probe } = remote();
    const throttled = new KeyProviderError('KEY_PROVIDER_THROTTLED', 'Too many', {
      retryable: true,
      retryAfterMs: 3_000,
    });
    const limited = limitKeyProvider(provider, { maxOpsPerSecond: 100, clock });
    const mekVersion = await limited.currentVersion();
    probe.before = (method) => {
      if (method === 'wrapKey') throw throttled;
    };
    const failing = rejection(limited.wrapKey(DEK, { mekVersion }));
    await clock.run(2_900);
    expect(probe.calls['wrapKey']).toBe(1);
    await clock.run(60_000);
    expect(await failing).toBe(throttled);
    expect(probe.calls['wrapKey']).toBe(5);
  });

  it('leaves throttled calls to a caller that paces its own', async () => {
    const clock = new ManualClock();
    const { provider, probe } = remote();
    const limited = limitKeyProvider(provider, { maxOpsPerSecond: 100, clock });
    const mekVersion = await limited.currentVersion();
    const throttled = new KeyProviderError('KEY_PROVIDER_THROTTLED', 'Too many');
    probe.before = () => {
      throw throttled;
    };
    const beforeRetry = (): Promise<void> => Promise.resolve();
    const failing = rejection(limited.wrapKey(DEK, { mekVersion, beforeRetry }));
    await clock.run(0);
    expect(await failing).toBe(throttled);
    expect(probe.calls['wrapKey']).toBe(1);
  });
});
