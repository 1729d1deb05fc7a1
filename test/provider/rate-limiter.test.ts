import { describe, expect, it } from 'vitest';
import { mostInTenSeconds, type VaultOp } from '../support/rotation/metered-vault.js';
import { setup } from '../support/encryptor.js';
import { rewrap, withKeys, writeNotes } from '../support/rotations.js';
import { budgetWorld, ran } from './vault-budget/budgets.js';

function gapsBetween(ops: readonly VaultOp[]): readonly number[] {
  return ops.slice(1).map(({ atMs }, at) => atMs - (ops[at]?.atMs ?? 0));
}

describe('maxVaultOpsPerSecond', () => {
  it.each([
    [50, undefined, 40],
    [50, 0, 50],
    [20, 0.5, 10],
  ])('of %d, %s of it reserved, lets through %d a second and no burst', async (...row) => {
    const [maxVaultOpsPerSecond, reserveForTraffic, share] = row;
    const world = await budgetWorld(220);
    const startMs = world.clock.monotonicMs();
    const { summary } = await ran(world, {
      maxVaultOpsPerSecond,
      ...(reserveForTraffic !== undefined && { reserveForTraffic }),
    });
    expect(summary).toMatchObject({ complete: true, changed: 220, vaultOps: 3 + 3 * 220 });
    const { ops } = world.vault;
    expect(ops).toHaveLength(3 + 3 * 220);
    expect(mostInTenSeconds(ops)).toBeLessThanOrEqual(10 * share);
    const seconds = ((ops.at(-1)?.atMs ?? 0) - startMs) / 1_000;
    // But for the fence, which is a second without operations.
    expect(ops.length / (seconds - 1)).toBeGreaterThan(0.97 * share);
    // What was not used while the vault was slow to answer, or the run to ask, is soon forgotten.
    expect(Math.min(...gapsBetween(ops).slice(10))).toBeGreaterThan(0.5 / share);
  });

  it('paces the round trip and a dry run as well', async () => {
    const world = await budgetWorld(6);
    const { summary } = await ran(world, {
      dryRun: true,
      maxVaultOpsPerSecond: 1,
      reserveForTraffic: 0,
    });
    expect(summary).toMatchObject({ wouldChange: 6, vaultOps: 3 + 6 });
    for (const gap of gapsBetween(world.vault.ops)) expect(gap).toBeCloseTo(1_000 / 0.98, 3);
  });

  it('may be less than one a second', async () => {
    const world = await budgetWorld(2);
    const { summary } = await ran(world, { maxVaultOpsPerSecond: 0.1, reserveForTraffic: 0.5 });
    expect(summary).toMatchObject({ complete: true, changed: 2 });
    const gaps = gapsBetween(world.vault.ops);
    expect(gaps).toHaveLength(8);
    for (const gap of gaps) expect(gap).toBeGreaterThan(20_000);
  });

  it('saves nothing up while no call is made', async () => {
    const world = await budgetWorld(3);
    await ran(world, { maxVaultOpsPerSecond: 20, reserveForTraffic: 0 });
    const [roundTrip, , , first] = world.vault.ops;
    // The fence is between them.
    expect((first?.atMs ?? 0) - (roundTrip?.atMs ?? 0)).toBeGreaterThan(1_000);
    for (const gap of gapsBetween(world.vault.ops.slice(5))) expect(gap).toBeGreaterThan(40);
  });

  it('is kept to though the service asks for shorter pauses than the pace makes', async () => {
    const world = await budgetWorld(2);
    world.vault.refuse = (count) => (count >= 4 && count <= 9 ? { retryAfterMs: 200 } : undefined);
    await ran(world, { maxVaultOpsPerSecond: 0.7, reserveForTraffic: 0, concurrency: 1 });
    expect(world.vault.refused()).toHaveLength(6);
    for (const gap of gapsBetween(world.vault.ops)) expect(gap).toBeGreaterThan(1_000 / 0.7);
  });

  it('does not go by the wall clock, which may be set back', async () => {
    const world = await budgetWorld(20);
    world.vault.refuse = () => {
      world.clock.setBack(3_600_000);
      return undefined;
    };
    await ran(world, { maxVaultOpsPerSecond: 10, reserveForTraffic: 0 });
    const gaps = gapsBetween(world.vault.ops);
    expect(mostInTenSeconds(world.vault.ops)).toBeLessThanOrEqual(100);
    expect(gaps.filter((gap) => gap > 110)).toHaveLength(1);
    expect(Math.max(...gaps)).toBeLessThan(1_200);
  });

  it('does not limit calls that use no key service', async () => {
    const before = setup();
    await writeNotes(before, 5);
    const { summary } = await rewrap(withKeys(before, ['b', 'a']), { maxVaultOpsPerSecond: 0.001 });
    expect(summary).toMatchObject({ complete: true, changed: 5 });
    expect('vaultOps' in summary || 'throttled' in summary).toBe(false);
  });
});
