import { describe, expect, it } from 'vitest';
import { turn } from '../../support/deferred.js';
import { rejection } from '../../support/failure.js';
import { budgetWorld, pass, run, type BudgetWorld, type Run } from './budgets.js';

const reason = new Error('enough');

/** Lets time pass until a call waits. */
async function until(isIt: () => boolean, { clock }: BudgetWorld): Promise<void> {
  for (let step = 0; step < 1_000; step += 1) {
    if (isIt()) return;
    await clock.run(10);
  }
  throw new Error('It never came to that');
}

/** It ends at once, without time passing, and no call is left that sleeps or is sent. */
async function expectEnded(work: Promise<Run>, { vault, clock }: BudgetWorld): Promise<void> {
  const asked = vault.ops.length;
  const nowMs = clock.monotonicMs();
  expect(await rejection(work)).toBe(reason);
  expect(clock.monotonicMs()).toBe(nowMs);
  expect(clock.sleeping).toBe(0);
  await clock.run(60_000);
  expect(vault.ops).toHaveLength(asked);
}

/** Run again, it goes on where it was left. */
async function expectResumable(world: BudgetWorld, rows: number): Promise<void> {
  world.vault.refuse = () => undefined;
  const { summary } = await pass(run(world), world.clock);
  expect(summary).toMatchObject({ complete: true, failed: 0, scanned: rows });
}

describe('an abort', () => {
  it('ends all workers in a pause at once', async () => {
    const world = await budgetWorld(30);
    const { vault } = world;
    vault.refuse = (count) => (count === 20 ? { retryAfterMs: 60_000 } : undefined);
    const stop = new AbortController();
    const work = run(world, { concurrency: 8, signal: stop.signal });
    work.catch(() => undefined);
    await until(() => vault.refused().length === 1, world);
    await turn();
    stop.abort(reason);
    await expectEnded(work, world);
    await expectResumable(world, 30);
  });

  it('ends all workers that wait for their turn at once', async () => {
    const world = await budgetWorld(30);
    const { vault } = world;
    const stop = new AbortController();
    const options = { concurrency: 8, maxVaultOpsPerSecond: 0.05, signal: stop.signal };
    const work = run(world, options);
    work.catch(() => undefined);
    await pass(
      until(() => vault.ops.length === 1, world),
      world.clock,
    );
    // The round trip waits for 25 seconds.
    stop.abort(reason);
    await expectEnded(work, world);
    await expectResumable(world, 30);
  });

  it('ends workers that wait for others to be done, as soon as those are', async () => {
    const world = await budgetWorld(30);
    const { vault, clock } = world;
    vault.refuse = (count) => (count === 20 ? { retryAfterMs: 1_000 } : undefined);
    const stop = new AbortController();
    const work = run(world, { concurrency: 8, signal: stop.signal });
    work.catch(() => undefined);
    await until(() => vault.refused().length === 1, world);
    vault.latencyMs = 500;
    await until(() => vault.ops.at(-1)?.throttled === false && clock.sleeping === 4, world);
    stop.abort(reason);
    await expectEnded(work, world);
    await expectResumable(world, 30);
  });
});

describe('a caller who leaves', () => {
  it.each([
    ['in a pause', {}, 60_000],
    ['while others wait for their turn', { maxVaultOpsPerSecond: 0.5 }, undefined],
  ])('%s does not wait with them', async (_name, options, retryAfterMs) => {
    const world = await budgetWorld(10);
    const { vault, clock } = world;
    vault.refuse = (count) =>
      count === 25 && retryAfterMs !== undefined ? { retryAfterMs } : undefined;
    let leftAtMs = 0;
    const leaving = run(world, { concurrency: 8, ...options }, ({ type }) => {
      if (type !== 'changed') return;
      leftAtMs = clock.monotonicMs();
      throw reason;
    });
    expect(await rejection(pass(leaving, clock, 1))).toBe(reason);
    expect(vault.refused()).toHaveLength(retryAfterMs === undefined ? 0 : 1);
    expect(clock.monotonicMs() - leftAtMs).toBeLessThan(10);
    expect(clock.sleeping).toBe(0);
    const asked = vault.ops.length;
    await clock.run(120_000);
    expect(vault.ops).toHaveLength(asked);
    await expectResumable(world, 10);
  });
});
