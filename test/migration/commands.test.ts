import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DekRow } from '../../src/adapters.js';
import { countPlaintext, findMissingDeks, findOrphanDeks } from '../../src/index.js';
import { note, PRODUCT } from '../support/encryptor.js';
import { commands, ENDING, Real, type Model } from '../support/migration-commands.js';
import { partOfRuns, requireAllMet } from '../support/rotation/runs.js';
import { Tally } from '../support/rotation/tally.js';

/** DEK rows match documents, one for one; what is left over belongs to documents that are gone. */
async function requireMatch(model: Model, { rows, documents, reader }: Real): Promise<void> {
  expect(await countPlaintext(note, documents)).toMatchObject({ fields: 0 });
  for await (const event of findMissingDeks(reader, note, documents)) {
    expect(event).toMatchObject({ type: 'finished', summary: { missing: 0, failed: 0 } });
  }
  const { items } = await rows.list({ product: PRODUCT }, { pageSize: 1_000 });
  const live = items
    .map(({ value }) => value as DekRow)
    .filter(({ state }) => state !== 'shredded');
  const ofDocuments = live.filter(({ scope }) => model.has(scope.at(-1) ?? ''));
  expect(ofDocuments.map(({ scope, state }) => `${String(scope.at(-1))} ${state}`).sort()).toEqual(
    [...model.keys()].map((id) => `${id} active`).sort(),
  );
  let orphans = 0;
  for await (const event of findOrphanDeks(reader, note, documents, { minAgeMs: 0 })) {
    if (event.type === 'orphan') orphans += 1;
  }
  expect(orphans).toBe(live.length - ofDocuments.length);
}

describe('two writers, an old process, migrations and rewraps, one after the other', () => {
  it('leave each document as it was written last, and one DEK for each', async () => {
    const tally = new Tally();
    await fc.assert(
      fc.asyncProperty(commands, async (sequence) => {
        const model: Model = new Map();
        const real = new Real(tally);
        await fc.asyncModelRun(() => ({ model, real }), [...sequence, ...ENDING]);
        await requireMatch(model, real);
      }),
      partOfRuns(0.6),
    );
    requireAllMet(tally);
  });
});
