/** What a caller learns of the use of a key service while a run is under way, against its summary. @module */
import { describe, expect, it } from 'vitest';
import { limitKeyProvider } from '../../src/adapters.js';
import { setup } from '../support/encryptor.js';
import { hear, hearCalls } from '../support/hear.js';
import { MeteredVault } from '../support/rotation/metered-vault.js';
import { envKeys, rewrap, withKeys, writeNotes } from '../support/rotations.js';
import { budgetWorld, pass, run, type BudgetWorld } from '../provider/vault-budget/budgets.js';

const ROWS = 20;
const RETRY_AFTER_MS = 5_000;
const THROTTLED = 'KEY_PROVIDER_THROTTLED';

/** A vault that refuses some operations, and one of them for good. */
async function throttlingWorld(): Promise<BudgetWorld> {
  const world = await budgetWorld(ROWS);
  world.vault.refuse = (count) =>
    [5, 9].includes(count) || (count > 30 && count <= 36)
      ? { retryAfterMs: RETRY_AFTER_MS }
      : undefined;
  return world;
}

describe('the use of a key service by a run', () => {
  it('is in each message of the run, and the last one has the figures of the summary', async () => {
    const world = await throttlingWorld();
    const messages = hear('run');
    const { summary } = await pass(run(world, { concurrency: 1 }), world.clock);
    expect(summary).toMatchObject({ complete: true, throttled: 8 });
    const { vaultOps, throttled } = messages.at(-1) ?? {};
    expect({ vaultOps, throttled }).toEqual({ vaultOps: summary.vaultOps, throttled: 8 });
    const soFar = messages.map((each) => each.throttled ?? 0);
    expect([...soFar].sort((one, other) => one - other)).toEqual(soFar);
    expect(new Set(soFar)).toEqual(new Set([0, 1, 2, 8]));
    expect(messages[0]).not.toHaveProperty('vaultOps');
  });

  it('is published as it happens: calls, and each throttled attempt with its delay', async () => {
    const world = await throttlingWorld();
    const [wraps, unwraps] = [hearCalls('wrap'), hearCalls('unwrap')];
    const retries = hear('retry');
    const { summary } = await pass(run(world, { concurrency: 1 }), world.clock);
    const givenUp = [...wraps, ...unwraps].filter(({ errorCode }) => errorCode === THROTTLED);
    expect(givenUp).toHaveLength(1);
    expect(retries).toHaveLength(7);
    expect(retries.length + givenUp.length).toBe(summary.throttled);
    expect(wraps.length + unwraps.length + retries.length).toBe(summary.vaultOps);
    const about = { keyProvider: 'env', mekName: 'env', errorCode: THROTTLED };
    for (const each of retries) expect(each).toMatchObject({ ...about, delayMs: RETRY_AFTER_MS });
    expect(retries.map(({ attempts }) => attempts)).toEqual([1, 1, 1, 2, 3, 4, 5]);
  });

  it('is absent where the MEK is in this process', async () => {
    const made = setup();
    await writeNotes(made, 2);
    const messages = hear('run');
    await rewrap(withKeys(made, ['b', 'a']));
    expect(messages.at(-1)).toMatchObject({ event: { type: 'finished' } });
    for (const each of messages) expect(each).not.toHaveProperty('vaultOps');
  });
});

describe('a throttled attempt of live traffic', () => {
  it('is published where a limit of the process retries it', async () => {
    const { clock } = setup();
    const vault = new MeteredVault(envKeys('a'), clock);
    vault.refuse = (count) => (count === 1 ? { retryAfterMs: RETRY_AFTER_MS } : undefined);
    const retries = hear('retry');
    const limited = limitKeyProvider(vault.provider(), { maxOpsPerSecond: 100, clock });
    const mekVersion = await limited.currentVersion();
    await pass(limited.wrapKey(new Uint8Array(32).fill(1), { mekVersion }), clock);
    expect(retries).toEqual([
      {
        ...{ keyProvider: 'env', mekName: 'env', errorCode: THROTTLED },
        ...{ attempts: 1, delayMs: RETRY_AFTER_MS },
      },
    ]);
  });
});
