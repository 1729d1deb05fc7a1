import { describe, expect, it } from 'vitest';
import { KeyProviderError, type KeyProvider } from '../../src/index.js';
import { ConfiguredProviders } from '../../src/provider/configured-providers.js';
import { VaultBudget } from '../../src/provider/vault-budget.js';
import { turn } from '../support/deferred.js';
import { PRODUCT } from '../support/encryptor.js';
import { rejection } from '../support/failure.js';
import { runningClock } from '../support/rotation/auto-clock.js';
import { envKeys, targetOf } from '../support/rotations.js';

const TARGET = { keyProvider: 'env', mekName: 'env', ...(await targetOf('a')) };
const DEK = Buffer.alloc(32, 7);

function outage(): KeyProviderError {
  return new KeyProviderError('KEY_PROVIDER_UNAVAILABLE', 'down', { retryable: true });
}

/** Providers under a budget of one call a second, over one with a scripted wrapKey. */
function budgeted(wrapKey: KeyProvider['wrapKey'], changes: Partial<KeyProvider> = {}) {
  const clock = runningClock();
  const env = envKeys('a');
  const { id, mekName, wrapAlgorithm } = env;
  const provider: KeyProvider = {
    ...{ id, mekName, wrapAlgorithm, wrapKey },
    currentVersion: (options) => env.currentVersion(options),
    unwrapKey: (wrap, options) => env.unwrapKey(wrap, options),
    ...changes,
  };
  const budget = new VaultBudget({ callsPerSecond: 1 / 0.98, concurrency: 4, clock });
  return {
    clock,
    env,
    budget,
    providers: budget.over(new ConfiguredProviders([provider], { product: PRODUCT, clock })),
  };
}

describe('a provider under a budget', () => {
  it('gets a turn for each attempt that it makes of its own', async () => {
    const attempts: number[] = [];
    const { clock, env, budget, providers } = budgeted(async (dek, options) => {
      attempts.push(clock.monotonicMs());
      for (; attempts.length < 3; attempts.push(clock.monotonicMs())) await options.beforeRetry?.();
      return env.wrapKey(dek, options);
    });
    const wrapping = providers.wrap(DEK, TARGET);
    await clock.run(10_000);
    await wrapping;
    const [first = 0] = attempts;
    expect(attempts.map((atMs) => atMs - first)).toEqual([0, 1_000, 2_000]);
    expect(budget.inSummary({})).toEqual({ vaultOps: 3 });
  });

  it('that wants to try again in a pause which is too long fails, and counts as asked once', async () => {
    let calls = 0;
    const { clock, budget, providers } = budgeted(async (_dek, { beforeRetry }) => {
      calls += 1;
      if (calls === 2) {
        throw new KeyProviderError('KEY_PROVIDER_THROTTLED', 'no', { retryAfterMs: 3_600_000 });
      }
      await clock.sleep(5_000);
      await beforeRetry?.();
      throw outage();
    });
    const [first, second] = [providers.wrap(DEK, TARGET), providers.wrap(DEK, TARGET)];
    for (const each of [first, second]) each.catch(() => undefined);
    await clock.run(10_000);
    for (const each of [first, second]) {
      expect(await rejection(each)).toMatchObject({
        code: 'KEY_PROVIDER_THROTTLED',
        message: expect.stringMatching(/^The key service was not called: /) as string,
      });
    }
    expect(calls).toBe(2);
    expect(budget.inSummary({})).toEqual({ vaultOps: 2, throttled: 1 });
  });

  it('is not tried again for anything but throttling', async () => {
    let calls = 0;
    const { providers } = budgeted(() => {
      calls += 1;
      return Promise.reject(outage());
    });
    expect(await rejection(providers.wrap(DEK, TARGET))).toMatchObject({
      code: 'KEY_PROVIDER_UNAVAILABLE',
    });
    expect(calls).toBe(1);
  });

  it('wraps without a turn where that is no call of a service, and unwraps in one', async () => {
    const given: object[] = [];
    const { clock, env, budget, providers } = budgeted(
      (dek, options) => {
        given.push(options);
        return env.wrapKey(dek, options);
      },
      { localCalls: ['wrapKey'] },
    );
    await providers.wrap(DEK, TARGET);
    const wrap = await providers.wrap(DEK, TARGET);
    await providers.unwrap(wrap);
    const second = providers.unwrap(wrap);
    await turn();
    expect(clock.sleeping).toBe(1);
    await clock.run(1_000);
    await second;
    expect(given.map((options) => 'beforeRetry' in options)).toEqual([false, false]);
    expect(budget.inSummary({})).toEqual({ vaultOps: 2 });
  });

  it('passes on what is documented, and refuses a rate that is none', async () => {
    const rates: unknown[] = [400, undefined, 0];
    const { providers } = budgeted(() => Promise.reject(outage()), {
      documentedOpsPerSecond: () => Promise.resolve(rates.shift() as number),
    });
    expect(await providers.documentedOpsPerSecond(TARGET)).toBe(400);
    expect(await providers.documentedOpsPerSecond(TARGET)).toBeUndefined();
    expect(await rejection(providers.documentedOpsPerSecond(TARGET))).toMatchObject({
      code: 'ADAPTER_CONTRACT',
      message:
        'The key provider "env" broke rule K11: documentedOpsPerSecond returned no valid rate; fix the adapter',
    });
    const { providers: silent } = budgeted(() => Promise.reject(outage()));
    expect(await silent.documentedOpsPerSecond(TARGET)).toBeUndefined();
  });
});
