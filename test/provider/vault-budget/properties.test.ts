import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { VaultOp } from '../../support/rotation/metered-vault.js';
import { mostInTenSeconds } from '../../support/rotation/metered-vault.js';
import { partOfRuns, requireAllMet } from '../../support/rotation/runs.js';
import { Tally } from '../../support/rotation/tally.js';
import { budgetWorld, pass, run } from './budgets.js';

/** How a vault behaves, and the options of the run. */
const SITUATION = fc.record({
  rows: fc.integer({ min: 1, max: 25 }),
  concurrency: fc.integer({ min: 1, max: 12 }),
  latencyMs: fc.constantFrom(1, 20, 300),
  perSecond: fc.option(fc.constantFrom(0.7, 5, 20, 80), { nil: undefined }),
  /** Which operations are refused after the round trip, and for how long. */
  refusals: fc.uniqueArray(
    fc.record({
      count: fc.integer({ min: 3, max: 120 }),
      retryAfterMs: fc.constantFrom(200, 1_000, 7_000, 60_000),
    }),
    { selector: ({ count }) => count, maxLength: 25 },
  ),
});

/** Sent while the service wanted no request: after a refusal arrived, and before its time was over. */
function sentInPauses(
  ops: readonly VaultOp[],
  pauseOf: ReadonlyMap<number, number>,
  latencyMs: number,
): readonly VaultOp[] {
  const pauses = ops.flatMap(({ atMs, throttled }, at) => {
    const fromMs = atMs + latencyMs;
    return throttled ? [{ fromMs, toMs: fromMs + (pauseOf.get(at + 1) ?? 0) }] : [];
  });
  return ops.filter(({ atMs }) =>
    pauses.some(({ fromMs, toMs }) => atMs > fromMs && atMs < toMs - 1e-6),
  );
}

it('sends nothing in a pause, keeps to its budget, and rewraps every row in the end', async () => {
  const tally = new Tally();
  for (const name of ['throttled', 'budget', 'both', 'failed rows']) tally.add(name, false);
  const property = fc.asyncProperty(SITUATION, async (situation) => {
    const { rows, concurrency, latencyMs, perSecond, refusals } = situation;
    const pauseOf = new Map(refusals.map(({ count, retryAfterMs }) => [count, retryAfterMs]));
    const world = await budgetWorld(rows);
    const { vault, clock } = world;
    vault.latencyMs = latencyMs;
    vault.refuse = (count) => {
      const retryAfterMs = pauseOf.get(count);
      return retryAfterMs === undefined ? undefined : { retryAfterMs };
    };
    const budget =
      perSecond === undefined ? {} : { maxVaultOpsPerSecond: perSecond, reserveForTraffic: 0 };
    const { events, summary } = await pass(run(world, { concurrency, ...budget }), clock, 1_000);
    const { ops } = vault;
    expect(summary).toMatchObject({ complete: true, changed: rows, failed: 0 });
    expect(summary.vaultOps).toBe(ops.length);
    expect(summary.throttled ?? 0).toBe(vault.refused().length);
    expect(vault.mostInFlight).toBeLessThanOrEqual(concurrency);
    expect(sentInPauses(ops, pauseOf, latencyMs)).toEqual([]);
    if (perSecond !== undefined) {
      expect(mostInTenSeconds(ops)).toBeLessThanOrEqual(Math.ceil(10 * perSecond));
    }
    const [isThrottled, isPaced] = [vault.refused().length > 0, perSecond !== undefined];
    tally.add('throttled', isThrottled);
    tally.add('budget', isPaced);
    tally.add('both', isThrottled && isPaced);
    tally.add(
      'failed rows',
      events.some(({ type }) => type === 'failed'),
    );
  });
  await fc.assert(property, {
    ...partOfRuns(0.6),
    examples: [
      [
        {
          rows: 2,
          concurrency: 1,
          latencyMs: 1,
          perSecond: 0.7,
          refusals: [{ count: 7, retryAfterMs: 200 }],
        },
      ],
      [
        {
          rows: 3,
          concurrency: 1,
          latencyMs: 20,
          perSecond: undefined,
          refusals: Array.from({ length: 6 }, (_each, at) => ({
            count: 4 + at,
            retryAfterMs: 200 as const,
          })),
        },
      ],
    ],
  });
  requireAllMet(tally);
});
