import { describe, expect, it } from 'vitest';
import type { LiveDekRow } from '../../../src/adapters.js';
import { assertRetirable, MekStillNeededError, takeCensus } from '../../../src/index.js';
import { decryptAny, MEK_VERSION, setup, type Setup } from '../../support/encryptor.js';
import { failure, rejection } from '../../support/failure.js';
import { alterRecord, alterRow, record, rows, writeNotes } from '../../support/rotations.js';

const MANY = 262;
const MOST = 256;

/** What a writer of the database can do to every row. */
async function forged(
  change: (index: number) => Readonly<Record<string, unknown>>,
): Promise<Setup> {
  const made = setup();
  await writeNotes(made, MANY);
  for (const [index, { id }] of (await rows(made)).entries())
    await alterRow(made, id, change(index));
  return made;
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0);
}

describe('a census of rows that name ever other MEK versions', () => {
  it('counts 256 of them apart and the rest together', async () => {
    const made = await forged((index) => ({ mekVersion: `v-${String(index)}` }));
    const census = await takeCensus(made.encryptor);
    expect(census.wraps).toHaveLength(MOST);
    expect(census.otherWraps).toEqual({ active: MANY - MOST, retired: 0, previousWraps: 0 });
    expect(sumOf(census.wraps.map(({ active }) => active))).toBe(MOST);
    expect(census).toMatchObject({ rows: MANY, active: MANY, behind: MANY, settled: false });
  });

  it('counts those of the rotation record separately, at any place', async () => {
    const made = await forged((index) =>
      index === MANY - 2 ? {} : { mekVersion: index === MANY - 1 ? 'past' : `v-${String(index)}` },
    );
    const { epoch, keyProvider, mekName, startedAt } = await record(made);
    const past = { epoch, keyProvider, mekName, mekVersion: 'past', startedAt };
    await alterRecord(made, { epoch: epoch + 1, history: [past] });
    const { wraps, otherWraps } = await takeCensus(made.encryptor);
    expect(wraps).toHaveLength(MOST + 2);
    for (const mekVersion of [MEK_VERSION, 'past']) {
      expect(wraps).toContainEqual(expect.objectContaining({ mekVersion, active: 1 }));
    }
    expect(otherWraps?.active).toBe(MANY - MOST - 2);
  });

  it('counts previous wraps and retired rows together, too', async () => {
    const made = setup();
    await writeNotes(made, MANY);
    for (const [index, row] of (await rows(made)).entries()) {
      const { wrappedDek, wrapAlgorithm, keyProvider, mekName } = row as LiveDekRow;
      const mekVersion = `v-${String(index)}`;
      const wrap = { wrappedDek, wrapAlgorithm, keyProvider, mekName, mekVersion };
      const retired = { state: 'retired', retiredAt: row.createdAt };
      await alterRow(made, row.id, { ...retired, previousWrap: { ...wrap, epoch: 1 } });
    }
    const { wraps, otherWraps } = await takeCensus(made.encryptor);
    expect(wraps).toHaveLength(MOST + 1);
    expect(otherWraps).toEqual({ active: 0, retired: 0, previousWraps: MANY - MOST });
  });

  it('does not repeat names that are too long for a name, nor does an error', async () => {
    const made = setup();
    const [stored] = await writeNotes(made, 1);
    const [row] = await rows(made);
    await alterRow(made, row?.id ?? '', { mekName: 'm'.repeat(100_000) });
    const census = await takeCensus(made.encryptor);
    expect(census.otherWraps).toEqual({ active: 1, retired: 0, previousWraps: 0 });
    expect(JSON.stringify(census).length).toBeLessThan(2_000);
    const other = setup({ beside: made });
    const error = await failure(decryptAny(other.encryptor, stored));
    expect(error.message).toBe(
      `No configured key provider has the id "env" and the MEK "${'m'.repeat(128)}…": add it to "keyProviders"`,
    );
  });
});

describe('a census of rows of ever other epochs', () => {
  it('counts 256 of them apart, and that of the rotation record', async () => {
    const made = await forged((index) => (index === MANY - 1 ? {} : { epoch: index + 2 }));
    const census = await takeCensus(made.encryptor);
    expect(census.epochs).toHaveLength(MOST + 1);
    expect(census.epochs.at(-1)).toEqual({ epoch: 1, rows: 1 });
    expect(census.otherEpochs).toBe(MANY - MOST - 1);
    expect(census).toMatchObject({ ahead: MANY - 1, settled: false });
  });

  it('says nothing of others where there are none', async () => {
    const made = setup();
    await writeNotes(made, 3);
    const census = await takeCensus(made.encryptor);
    expect(census).not.toHaveProperty('otherWraps');
    expect(census).not.toHaveProperty('otherEpochs');
  });

  it('keeps the reasons against a retirement short, and counts all of them', async () => {
    const made = await forged((index) => ({ epoch: index + 2, mekVersion: `v-${String(index)}` }));
    const mek = { mekVersion: 'v-0' };
    const error = await rejection(assertRetirable(made.encryptor, { mek, backupWindowMs: 0 }));
    expect(error).toBeInstanceOf(MekStillNeededError);
    const { reasons, message } = error as MekStillNeededError;
    expect(reasons).toContainEqual(expect.objectContaining({ type: 'rows-ahead', rows: MANY - 1 }));
    expect(message.length).toBeLessThan(2_000);
  });
});
