import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { QuietClock } from '../../support/quiet-clock.js';
import type { RewrapAllDeksOptions } from '../../../src/index.js';
import { BudgetWorld, QUOTA_PER_SECOND, type Figures } from './budget-world.js';
import { VaultWorld } from './vault-world.js';
import { isSlow, someOf } from '../../support/lane.js';

const ROWS = 400;

async function measured(options: Partial<RewrapAllDeksOptions>): Promise<Figures> {
  const clock = new QuietClock();
  clock.advance(1_000);
  const world = await clock.pass(BudgetWorld.start(ROWS, clock, (work) => clock.during(work)));
  try {
    const figures = await clock.pass(world.measure(options));
    expect(figures.summary).toMatchObject({ complete: true, changed: ROWS, failed: 0 });
    expect(await world.versions()).toEqual(new Set([figures.summary.target.mekVersion]));
    return figures;
  } finally {
    await world[Symbol.asyncDispose]();
  }
}

// Without HTTPS the fast lane has the same: test/provider/vault-budget/beside-traffic.test.ts.
describe.runIf(isSlow)(
  'a rewrap beside a reader on a vault of 50 operations a second, over HTTPS',
  () => {
    it('uses up the quota, is never throttled, and leaves the reader its share', async () => {
      const figures = await measured({ maxVaultOpsPerSecond: QUOTA_PER_SECOND });
      expect(figures.usedShare).toBeGreaterThan(0.95);
      expect(figures.usedShare).toBeLessThanOrEqual(1);
      expect(figures.throttledShare).toBeLessThan(0.01);
      expect(figures.readerFailures).toEqual({});
      expect(figures.readerSlowestMs).toBe(0);
      expect(figures.readerAsked / figures.seconds).toBeGreaterThan(9.9);
    });

    it('without a budget has the reader throttled', async () => {
      const figures = await measured({});
      expect(Object.keys(figures.readerFailures)).toEqual(['KEY_PROVIDER_THROTTLED']);
      expect(figures.readerFailures['KEY_PROVIDER_THROTTLED']).toBeGreaterThan(20);
    });
  },
);

describe('a dry run on a vault', () => {
  let world: VaultWorld;

  beforeAll(async () => {
    world = await VaultWorld.start({ key: { type: 'RSA', size: 3072 } });
  });

  afterAll(() => world.stop());

  it.each(someOf(['vault', 'local'] as const))(
    'says what the run then asks for, and how long that takes at least, wrapMode %s',
    async (wrapMode) => {
      const product = await world.product(world.provider(), 5);
      const mekVersion = await world.rotate();
      const encryptor = world.encryptor(product.memory, world.provider({ wrapMode }));
      const options = { target: { mekVersion } };
      const { summary: dry } = await world.rewrap(encryptor, { ...options, dryRun: true });
      world.forget();
      const { summary } = await world.rewrap(encryptor, options);
      expect(summary).toMatchObject({ complete: true, changed: 5 });
      const vaultOps = wrapMode === 'vault' ? 3 + 3 * 5 : 2 + 2 * 5;
      // Of RSA 3072, a hundred operations a second.
      expect(dry.estimate).toEqual({ rows: 5, vaultOps, leastMs: vaultOps * 10 });
      expect(summary.vaultOps).toBe(vaultOps);
      expect(world.server.count('wrapKey') + world.server.count('unwrapKey')).toBe(vaultOps);
    },
  );
});
