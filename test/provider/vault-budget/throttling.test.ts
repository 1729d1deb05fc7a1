import { describe, expect, it } from 'vitest';
import type { MeteredVault } from '../../support/rotation/metered-vault.js';
import { describeError } from '../../support/failure.js';
import { ofType } from '../../support/rotations.js';
import { budgetWorld, pass, ran, run } from './budgets.js';
import { isSlow } from '../../support/lane.js';

const RETRY_AFTER_MS = 5_000;

/** When each pause began and was over, as those that were refused were told. */
function pausesOf({ ops }: MeteredVault, pauseMs: number): (readonly [number, number])[] {
  return ops.filter(({ throttled }) => throttled).map(({ atMs }) => [atMs, atMs + pauseMs]);
}

describe('a throttled rewrap', () => {
  it.each([undefined, 40])(
    'has all workers wait as long as the service asks, at a budget of %s',
    async (maxVaultOpsPerSecond) => {
      const world = await budgetWorld(60);
      const { vault, clock } = world;
      vault.latencyMs = 20;
      vault.refuse = (count) =>
        [20, 60, 61, 140].includes(count) ? { retryAfterMs: RETRY_AFTER_MS } : undefined;
      const budget = maxVaultOpsPerSecond === undefined ? {} : { maxVaultOpsPerSecond };
      const { summary } = await pass(run(world, { concurrency: 8, ...budget }), clock);
      expect(summary).toMatchObject({ complete: true, failed: 0, changed: 60, throttled: 4 });
      expect(summary.vaultOps).toBe(3 + 3 * 60 + 4);
      const pauses = pausesOf(vault, RETRY_AFTER_MS);
      expect(pauses).toHaveLength(4);
      for (const [beganMs, overMs] of pauses) {
        // Whatever was under way when the refusal arrived, one latency later, was sent before.
        const during = vault.ops.filter(
          ({ atMs }) => atMs > beganMs + vault.latencyMs && atMs < overMs + vault.latencyMs,
        );
        expect(during).toEqual([]);
      }
    },
  );

  it('goes on with half as many, and has all of them back after it went well', async () => {
    const world = await budgetWorld(120);
    const { vault, clock } = world;
    vault.latencyMs = 50;
    vault.refuse = (count) => (count === 100 ? { retryAfterMs: RETRY_AFTER_MS } : undefined);
    const { summary } = await pass(run(world, { concurrency: 8 }), clock, 50);
    expect(summary).toMatchObject({ complete: true, throttled: 1, failed: 0 });
    const inFlightFrom = (from: number, to: number): number => {
      const window = vault.ops.slice(from, to).map(({ atMs }) => atMs);
      return Math.max(
        ...window.map((atMs) => window.filter((each) => each <= atMs && each > atMs - 50).length),
      );
    };
    expect(inFlightFrom(20, 100)).toBe(8);
    expect(inFlightFrom(108, 116)).toBe(4);
    expect(inFlightFrom(200, 300)).toBe(8);
  });

  it('that is never throttled has its whole concurrency under way', async () => {
    const world = await budgetWorld(40);
    world.vault.latencyMs = 50;
    await ran(world, { concurrency: 12 });
    expect(world.vault.mostInFlight).toBe(12);
  });

  it.each([
    ['says how long it lasts', 90_000],
    ['asks for little, again and again', RETRY_AFTER_MS],
  ])('survives a storm of a service that %s', async (_name, retryAfterMs) => {
    const world = await budgetWorld(40);
    const { vault, clock } = world;
    let untilMs = Infinity;
    vault.refuse = (count) => {
      if (count === 30) untilMs = clock.monotonicMs() + 90_000;
      return count >= 30 && clock.monotonicMs() < untilMs ? { retryAfterMs } : undefined;
    };
    const { events, summary } = await pass(run(world), clock);
    expect(summary).toMatchObject({ complete: true, failed: 0, changed: 40 });
    const attempts = 90_000 / retryAfterMs;
    // Of the first pause all that were under way; then half as many, down to one at a time.
    expect(summary.throttled).toBeLessThanOrEqual(8 + 4 + 2 + attempts);
    expect(ofType({ events }, 'failed').length > 0).toBe(attempts > 6);
  });

  it('doubles its pauses where the service does not say how long', async () => {
    const world = await budgetWorld(1);
    const { vault, clock } = world;
    vault.refuse = (count) => (count <= 5 ? {} : undefined);
    await pass(run(world), clock);
    const at = vault.ops.map(({ atMs }) => atMs);
    const pauses = at.slice(1, 6).map((atMs, index) => atMs - (at[index] ?? 0));
    // A quarter is spread by jitter, of which this clock has a half.
    expect(pauses).toEqual([1_125, 2_250, 4_500, 9_000, 18_000]);
  });

  it('treats a wait of 0 ms, or an invalid one, as a missing one', async () => {
    for (const retryAfterMs of [0, -5, NaN]) {
      const world = await budgetWorld(1);
      const { vault, clock } = world;
      vault.refuse = (count) => (count === 1 ? { retryAfterMs } : undefined);
      await pass(run(world), clock);
      const [first, second] = vault.ops;
      expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBe(1_125);
    }
  });

  it('tries a call six times; then the row fails, and the next scan tries it again', async () => {
    const world = await budgetWorld(3);
    const { vault, clock } = world;
    let refusals = 0;
    vault.refuse = (count) => {
      if (count <= 3 || refusals === 6) return undefined;
      refusals += 1;
      return { retryAfterMs: 1_000 };
    };
    const { events, summary } = await pass(run(world, { concurrency: 1 }), clock);
    const failed = ofType({ events }, 'failed');
    expect(failed).toHaveLength(1);
    expect(describeError(failed[0]?.error)).toMatchObject({ code: 'KEY_PROVIDER_THROTTLED' });
    expect(failed[0]?.error).toMatchObject({ retryable: true, retryAfterMs: 1_000 });
    expect(summary).toMatchObject({ complete: true, changed: 3, failed: 0, throttled: 6 });
  });

  it('ends where it is never served, with every row as it was', async () => {
    const world = await budgetWorld(2);
    const { vault, clock } = world;
    vault.refuse = (count) => (count <= 3 ? undefined : { retryAfterMs: 1_000 });
    const { summary } = await pass(run(world, { concurrency: 1 }), clock);
    expect(summary).toMatchObject({ complete: false, changed: 0, failed: 2 });
    // Two scans in which nothing could be done.
    expect(summary.throttled).toBe(2 * 2 * 6);
  });

  it('does not wait for more than ten minutes: it sends nothing, and says when to retry', async () => {
    const world = await budgetWorld(5);
    const { vault, clock } = world;
    vault.refuse = (count) => (count <= 3 ? undefined : { retryAfterMs: 3_600_000 });
    const { events, summary } = await pass(run(world, { concurrency: 1 }), clock);
    expect(summary).toMatchObject({ complete: false, failed: 5, throttled: 1, vaultOps: 4 });
    const [first] = ofType({ events }, 'failed');
    expect(describeError(first?.error)).toEqual({
      name: 'KeyProviderError',
      code: 'KEY_PROVIDER_THROTTLED',
      message:
        'The key service was not called: it is throttling, and accepts no request for 3600000 ms; run again after that',
    });
    expect(first?.error).toMatchObject({ retryable: true, retryAfterMs: 3_600_000 });
  });

  it('waits by monotonic time, whatever happens to the wall clock', async () => {
    for (const move of ['setBack', 'advanceWall'] as const) {
      const world = await budgetWorld(2);
      const { vault, clock } = world;
      vault.refuse = (count) => {
        if (count !== 4) return undefined;
        queueMicrotask(() => {
          clock[move](3_600_000);
        });
        return { retryAfterMs: RETRY_AFTER_MS };
      };
      await pass(run(world, { concurrency: 1 }), clock);
      expect((vault.ops[4]?.atMs ?? 0) - (vault.ops[3]?.atMs ?? 0)).toBe(RETRY_AFTER_MS);
    }
  });

  it.runIf(isSlow)('halves its pace too, and has it back in the course of a minute', async () => {
    const world = await budgetWorld(900);
    const { vault, clock } = world;
    vault.refuse = (count) => (count === 400 ? { retryAfterMs: RETRY_AFTER_MS } : undefined);
    await pass(run(world, { maxVaultOpsPerSecond: 40, reserveForTraffic: 0 }), clock);
    const at = vault.ops.map(({ atMs }) => atMs);
    const rate = (from: number, to: number): number =>
      ((to - from) * 1_000) / ((at[to] ?? 0) - (at[from] ?? 0));
    expect(rate(100, 390)).toBeCloseTo(39.2, 0);
    expect(rate(405, 425)).toBeLessThan(22);
    expect(rate(1_800, 2_600)).toBeCloseTo(39.2, 0);
  });
});
