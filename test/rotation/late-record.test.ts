import { describe, expect, it } from 'vitest';
import { PRODUCT, type Setup } from '../support/encryptor.js';
import { rejection } from '../support/failure.js';
import { withOwn } from '../support/probe.js';
import { rotated } from '../support/previous-wraps.js';
import { prune } from '../support/pruning.js';
import { reasonsOf } from '../support/retiring.js';
import { alterRow, ofType, record, rewrap, rows, start, withKeys } from '../support/rotations.js';

const LAG_MS = 3_000;

/** A process that reads the rotation record as it was `LAG_MS` ago, and the rows as they are. */
async function lateReader(made: Setup): Promise<Setup> {
  const { clock } = made;
  const before = await made.memory.getRotation(PRODUCT);
  const changedAtMs = clock.monotonicMs();
  const dekStore = withOwn(made.memory, { readLagMs: () => Promise.resolve(LAG_MS) });
  const operator = withKeys(made, ['b', 'a'], { dekStore });
  operator.store.after = (method, result) => {
    const isLate = clock.monotonicMs() - changedAtMs < LAG_MS;
    return method === 'getRotation' && isLate ? before : result;
  };
  return operator;
}

/** Rows at epoch 3, whose record a late reader reads as epoch 2. */
async function moveRowsAhead(made: Setup): Promise<void> {
  for (const { id } of await rows(made)) await alterRow(made, id, { epoch: 3 });
}

const RUNS = {
  'a rotation': (operator: Setup) => rewrap(operator),
  'a dry run': (operator: Setup) => rewrap(operator, { dryRun: true }),
  pruning: (operator: Setup) => prune(operator),
};

describe('a row above the rotation record', () => {
  it.each(Object.entries(RUNS))(
    'has %s read the record until reads cannot lag',
    async (_what, run) => {
      const [made] = await rotated(2);
      const operator = await lateReader(made);
      await (await start(withKeys(made, ['c', 'b', 'a']))).next();
      await moveRowsAhead(made);
      expect(await record(made)).toMatchObject({ epoch: 3 });
      expect(await rejection(run(operator))).toMatchObject({ code: 'ROTATION_SUPERSEDED' });
    },
  );

  it('is not what keeps a version where a newer rotation accounts for it', async () => {
    const [made] = await rotated(2);
    const operator = await lateReader(made);
    await (await start(withKeys(made, ['c', 'b', 'a']))).next();
    await moveRowsAhead(made);
    const types = (await reasonsOf(operator)).map(({ type }) => type);
    expect(types).toContain('fence');
    expect(types).not.toContain('rows-ahead');
  });

  it('fails, and all of them after one wait, where no record accounts for its epoch', async () => {
    const [made] = await rotated(12);
    const operator = await lateReader(made);
    await moveRowsAhead(made);
    const startMs = made.clock.monotonicMs();
    const result = await rewrap(operator, { concurrency: 2 });
    expect(result.summary).toMatchObject({ complete: false, failed: 12 });
    const codes = ofType(result, 'failed').map(({ error }) => (error as { code?: string }).code);
    expect(new Set(codes)).toEqual(new Set(['ROTATION_RECORD_BEHIND']));
    expect(made.clock.monotonicMs() - startMs).toBeLessThan(2 * LAG_MS);
  });
});
