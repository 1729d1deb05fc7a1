import { describe, expect, it } from 'vitest';
import type { DekStore, RewrapAllDeksOptions } from '../../src/index.js';
import { setup } from '../support/encryptor.js';
import {
  alterRow,
  envKeys,
  rewrap,
  rows,
  targetOf,
  versionOf,
  withKeys,
  writeNotes,
} from '../support/rotations.js';
import { budgetWorld, ran, worldOver, type BudgetWorld } from '../provider/vault-budget/budgets.js';

type Options = Partial<RewrapAllDeksOptions>;

/** The estimate of a dry run, and what the run with the same options then asks of the vault. */
async function rehearsed(world: BudgetWorld, options: Options = {}) {
  const { summary: dry } = await ran(world, { ...options, dryRun: true });
  world.vault.forget();
  const { summary } = await ran(world, options);
  return { estimate: dry.estimate, summary, asked: world.vault.ops.length };
}

describe('the estimate of a dry run', () => {
  it.each([
    ['all', 3 + 3 * 7],
    ['first', 3 + 2 * 7 + 1],
    ['none', 3 + 2 * 7],
  ] as const)('is what the run asks of the vault, with verify %s', async (verify, vaultOps) => {
    const { estimate, summary, asked } = await rehearsed(await budgetWorld(7), { verify });
    expect(estimate).toEqual({ rows: 7, vaultOps });
    expect(summary).toMatchObject({ changed: 7, complete: true, vaultOps });
    expect(asked).toBe(vaultOps);
  });

  it('counts both unwraps of a row that is to be repaired', async () => {
    const before = setup();
    await writeNotes(before, 4);
    await rewrap(withKeys(before, ['b', 'a']));
    const wrong = await envKeys('b').wrapKey(Buffer.alloc(32, 3), await targetOf('b'));
    const [first] = await rows(before);
    await alterRow(before, first?.id ?? '', { wrappedDek: wrong.wrappedDek });
    const world = worldOver(before, ['c', 'b', 'a']);
    const { estimate, summary, asked } = await rehearsed(world);
    expect(summary).toMatchObject({ complete: true, repaired: 1, changed: 4 });
    expect(estimate).toEqual({ rows: 4, vaultOps: 4 + 3 * 4 + 1 });
    expect(asked).toBe(4 + 3 * 4 + 1);
  });

  it('leaves out rows of another version than the one that is asked for', async () => {
    const world = await budgetWorld(3);
    const { estimate, asked } = await rehearsed(world, {
      ...{ sourceVersion: await versionOf('c'), allowUnknown: true },
    });
    expect(estimate).toEqual({ rows: 0, vaultOps: 2 });
    expect(asked).toBe(2);
  });

  it('is the round trip alone where everything is current', async () => {
    const world = await budgetWorld(3);
    await ran(world);
    world.vault.forget();
    const { estimate, summary, asked } = await rehearsed(world);
    expect(estimate).toEqual({ rows: 0, vaultOps: 2 });
    expect(summary).toMatchObject({ complete: true, unchanged: 3, vaultOps: 2 });
    expect(asked).toBe(2);
  });

  it('does not count what a provider does here', async () => {
    const before = setup();
    await writeNotes(before, 3);
    const world = worldOver(before, ['b', 'a'], { provider: { localCalls: ['wrapKey'] } });
    const { estimate, summary } = await rehearsed(world);
    expect(estimate).toEqual({ rows: 3, vaultOps: 2 + 2 * 3 });
    expect(summary.vaultOps).toBe(2 + 2 * 3);
    const { summary: env } = await rewrap(withKeys(before, ['c', 'b', 'a']), {
      dryRun: true,
      maxVaultOpsPerSecond: 1,
    });
    expect(env.estimate).toEqual({ rows: 3, vaultOps: 0, leastMs: 0 });
  });

  it('is of dry runs alone', async () => {
    const { summary } = await ran(await budgetWorld(1));
    expect('estimate' in summary).toBe(false);
  });
});

describe('the least time', () => {
  const documented = async (a: number | undefined, b: number | undefined, count = 6) => {
    const before = setup({ fenceTtlMs: 1_000 });
    before.clock.advance(1_000);
    await writeNotes(before, count);
    const rates = new Map([
      [await versionOf('a'), a],
      [await versionOf('b'), b],
    ]);
    const provider = {
      documentedOpsPerSecond: ({ mekVersion }: { readonly mekVersion: string }) =>
        Promise.resolve(rates.get(mekVersion)),
    };
    return worldOver(before, ['b', 'a'], { provider });
  };

  it('is that of the documented quota, in which longer keys weigh more', async () => {
    const world = await documented(100, 25);
    const { estimate } = await rehearsed(world);
    // One unwrap before the beginning, and one for each row, under the one; the round trip, and two for each
    // row, under the other.
    expect(estimate?.leastMs).toBe(((1 + 6) * 1_000) / 100 + ((2 + 12) * 1_000) / 25);
  });

  it('leaves out the versions about which nothing is documented', async () => {
    const world = await documented(undefined, 25);
    expect((await rehearsed(world)).estimate?.leastMs).toBe((14 * 1_000) / 25);
    const unknown = await documented(undefined, undefined);
    expect(await rehearsed(unknown).then(({ estimate }) => estimate)).not.toHaveProperty('leastMs');
  });

  it.each([
    [{ maxVaultOpsPerSecond: 10 }, 8],
    [{ maxVaultOpsPerSecond: 10, reserveForTraffic: 0 }, 10],
    [{ maxVaultOpsPerSecond: 500 }, undefined],
  ])('is that of the budget %j, where that is longer', async (options, share) => {
    const world = await documented(100, 25);
    const { estimate } = await rehearsed(world, options);
    const expected = share === undefined ? 630 : Math.ceil((21 * 1_000) / (share * 0.98));
    expect(estimate?.leastMs).toBe(expected);
  });

  it('is what the run then takes under its budget, but for the fence', async () => {
    const world = await budgetWorld(40);
    const options = { maxVaultOpsPerSecond: 10 };
    const { summary } = await ran(world, { ...options, dryRun: true });
    world.vault.forget();
    const startMs = world.clock.monotonicMs();
    await ran(world, options);
    const tookMs = (world.vault.ops.at(-1)?.atMs ?? 0) - startMs - 1_000;
    const leastMs = summary.estimate?.leastMs ?? 0;
    expect(tookMs / leastMs).toBeGreaterThan(0.97);
    expect(tookMs / leastMs).toBeLessThan(1.03);
  });
});

describe('the request units', () => {
  const PRICES: Readonly<Record<string, number>> = {
    getItem: 1,
    count: 2.79,
    list: 2.83,
    replace: 10.29,
    replaceItem: 5.71,
  };

  /** Bills what Cosmos DB does for small rows. */
  function billed(store: DekStore): DekStore {
    return new Proxy(store, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function' || typeof name !== 'string') return member;
        return (...args: readonly unknown[]) => {
          const options = args.at(-1) as { onRequestCharge?: (units: number) => void } | undefined;
          options?.onRequestCharge?.(PRICES[name] ?? 0);
          return Reflect.apply(member, target, args) as unknown;
        };
      },
    });
  }

  it('are those before the beginning, three scans, and eleven for each row that is written', async () => {
    const before = setup();
    await writeNotes(before, 30);
    const world = worldOver(before, ['b', 'a'], { dekStore: billed(before.memory) });
    const { estimate, summary } = await rehearsed(world);
    expect(estimate?.requestUnits).toBeCloseTo(1 + 2.83 + 1 + 3 * (2.79 + 2.83) + 30 * 11, 6);
    const ratio = (estimate?.requestUnits ?? 0) / (summary.requestCharge ?? 0);
    expect(ratio).toBeGreaterThan(0.9);
    expect(ratio).toBeLessThan(1.1);
  });

  it('are those of rows whose epoch alone is written, and of two scans where none is', async () => {
    const before = setup();
    await writeNotes(before, 2);
    await rewrap(withKeys(before, ['b', 'a']));
    const world = worldOver(before, ['b', 'a'], { dekStore: billed(before.memory) });
    const { estimate: idle } = await rehearsed(world);
    expect(idle?.requestUnits).toBeCloseTo(2 + 2 * (2.79 + 2.83), 6);
    await alterRow(before, (await rows(before))[0]?.id ?? '', { epoch: 1 });
    const { estimate } = await rehearsed(world);
    expect(estimate).toMatchObject({ rows: 0, vaultOps: 2 });
    expect(estimate?.requestUnits).toBeCloseTo(2 + 3 * (2.79 + 2.83) + 11, 6);
  });
});
