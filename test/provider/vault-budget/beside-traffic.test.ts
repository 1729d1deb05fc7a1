import { describe, expect, it } from 'vitest';
import { isFieldEncryptionError, type RewrapAllDeksOptions } from '../../../src/index.js';
import { decryptAny, setup } from '../../support/encryptor.js';
import type { VaultOp } from '../../support/rotation/metered-vault.js';
import { budgetWorld, pass, run, type BudgetWorld } from './budgets.js';
import { isSlow } from '../../support/lane.js';

const QUOTA_PER_SECOND = 50;
const ROWS = 300;

interface Reader {
  readonly codes: string[];
  stop: () => void;
}

/** Opens uncached documents at the given rate, whatever became of those before. */
function startReading({ operator, vault, clock, stored }: BudgetWorld, perSecond: number): Reader {
  const keyProviders = [vault.provider('reader')];
  const { encryptor } = setup({ beside: operator, keyProviders });
  const stopped = new AbortController();
  const codes: string[] = [];
  const reader = {
    codes,
    stop: () => {
      stopped.abort();
    },
  };
  const open = async (document: unknown): Promise<void> => {
    try {
      await decryptAny(encryptor, document);
    } catch (error) {
      codes.push(isFieldEncryptionError(error) ? error.code : String(error));
    }
  };
  const read = async (): Promise<void> => {
    for (const document of stored) {
      void open(document);
      await clock.sleep(1_000 / perSecond, stopped.signal);
    }
  };
  read().catch(() => undefined);
  return reader;
}

/** A rewrap beside a reader, on a vault with a quota whose answers take their time. */
async function beside(options: Partial<RewrapAllDeksOptions>) {
  const world = await budgetWorld(ROWS);
  const { vault, clock } = world;
  vault.limit({ operations: 10 * QUOTA_PER_SECOND });
  vault.refuse = (count) => {
    vault.latencyMs = 5 + ((count * 7_919) % 60);
    return undefined;
  };
  const span = { startMs: 0, endMs: 0 };
  let reader: Reader | undefined;
  const work = run(world, options, (event) => {
    if (event.type === 'pass' && event.pass === 1) {
      span.startMs = clock.monotonicMs();
      reader = startReading(world, QUOTA_PER_SECOND / 5);
    }
    if (event.type === 'passed' && event.pass === 1) {
      span.endMs = clock.monotonicMs();
      reader?.stop();
    }
  });
  const { summary } = await pass(work, clock);
  const isIn = ({ atMs }: VaultOp): boolean => atMs >= span.startMs && atMs < span.endMs;
  const [served, refused] = [vault.served().filter(isIn), vault.refused().filter(isIn)];
  const seconds = (span.endMs - span.startMs) / 1_000;
  return {
    summary,
    codes: reader?.codes ?? [],
    seconds,
    used: served.length / (seconds * QUOTA_PER_SECOND),
    throttled: refused.length / (served.length + refused.length),
    readerServed: served.filter(({ by }) => by === 'reader').length / seconds,
  };
}

describe('a rewrap beside a reader, on a vault of 50 operations a second', () => {
  it('uses up the quota, is never throttled, and leaves the reader its share', async () => {
    const result = await beside({ maxVaultOpsPerSecond: QUOTA_PER_SECOND, concurrency: 8 });
    expect(result.summary).toMatchObject({ complete: true, changed: ROWS, failed: 0 });
    expect(result.seconds).toBeGreaterThan(20);
    expect(result.used).toBeGreaterThan(0.95);
    expect(result.used).toBeLessThanOrEqual(1);
    expect(result.throttled).toBeLessThan(0.01);
    expect(result.codes).toEqual([]);
    expect(result.readerServed).toBeGreaterThan(9.9);
  });

  it('without a budget takes all there is: the reader is throttled', async () => {
    const result = await beside({ concurrency: 8 });
    expect(result.summary).toMatchObject({ complete: true, changed: ROWS, failed: 0 });
    expect(result.codes.length).toBeGreaterThan(50);
    expect(new Set(result.codes)).toEqual(new Set(['KEY_PROVIDER_THROTTLED']));
    expect(result.readerServed).toBeLessThan(8);
  });

  it.runIf(isSlow)(
    'with more than the vault has still finishes, and throttles the reader less',
    async () => {
      const none = await beside({ concurrency: 8 });
      const tooMuch = await beside({
        maxVaultOpsPerSecond: QUOTA_PER_SECOND,
        reserveForTraffic: 0,
        concurrency: 8,
      });
      expect(tooMuch.summary).toMatchObject({ complete: true, changed: ROWS, failed: 0 });
      expect(tooMuch.codes.length).toBeLessThan(none.codes.length / 2);
    },
  );
});
