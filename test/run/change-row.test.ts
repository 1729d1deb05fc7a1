import { describe, expect, it } from 'vitest';
import type { DekRow } from '../../src/adapters.js';
import type { Setup } from '../support/encryptor.js';
import { rotated } from '../support/previous-wraps.js';
import { prune, upkeepOfType } from '../support/pruning.js';
import { alterRow } from '../support/rotations.js';

/** Another process writes the row before each of the first writes of the operator. */
async function rivalled(rivalWrites: number): Promise<{ operator: Setup; attempts: () => number }> {
  const [made, operator] = await rotated(1);
  let attempts = 0;
  operator.store.before = async (method, [row]) => {
    if (method !== 'replace') return;
    attempts += 1;
    if (attempts <= rivalWrites) await alterRow(made, (row as DekRow).id, {});
  };
  return { operator, attempts: () => attempts };
}

/** What the run took on its clock, which stands still unless something sleeps. */
async function pruned(operator: Setup) {
  operator.clock.advance(1);
  const startMs = operator.clock.monotonicMs();
  const rewrappedBefore = new Date(operator.clock.wallMs());
  const result = await prune(operator, { rewrappedBefore });
  // `prune` itself advances the clock by 1 ms.
  return { result, waitedMs: operator.clock.monotonicMs() - startMs - 1 };
}

describe('a row that another process writes at the same time', () => {
  it('is changed at once after one lost race', async () => {
    const { operator, attempts } = await rivalled(1);
    const { result, waitedMs } = await pruned(operator);
    expect(result.summary).toMatchObject({ complete: true, changed: 1 });
    expect([attempts(), waitedMs]).toEqual([2, 0]);
  });

  it('is tried again after a pause where it happens again', async () => {
    const { operator, attempts } = await rivalled(2);
    const { result, waitedMs } = await pruned(operator);
    expect(result.summary).toMatchObject({ complete: true, changed: 1 });
    expect(attempts()).toBe(3);
    expect(waitedMs).toBeGreaterThan(0);
  });

  it('fails for this scan where it happens eight times, and is changed in the next', async () => {
    const { operator, attempts } = await rivalled(8);
    const { result } = await pruned(operator);
    expect(attempts()).toBe(9);
    expect(result.summary).toMatchObject({ complete: true, changed: 1 });
    const [failed] = upkeepOfType(result, 'failed');
    expect(failed?.error).toMatchObject({
      code: 'CONTENDED',
      retryable: true,
      message: `Changing DEK row ${failed?.dekId ?? ''} did not succeed in 8 attempts: other processes were faster; try again`,
    });
  });
});
