import { describe, expect, it } from 'vitest';
import type { DekRow } from '../../src/adapters.js';
import {
  backfillDocuments,
  FieldEncryptionError,
  recoverDeks,
  StoreError,
} from '../../src/index.js';
import { FailureCounts } from '../../src/run/passes.js';
import { KEY, MEK_VERSION, note, setup, type Setup } from '../support/encryptor.js';
import { failure, rejection } from '../support/failure.js';
import { hear } from '../support/hear.js';
import { addPlain, migrate, notes } from '../support/migrations.js';
import { PAIR } from '../support/recovery-pairs.js';
import {
  alterRow,
  ofType,
  pull,
  record,
  rewrap,
  rows,
  start,
  targetOf,
  withKeys,
  writeNotes,
} from '../support/rotations.js';

const LOST = { withoutOpening: [{ mekVersion: MEK_VERSION }] };
const ONE_AT_A_TIME = { concurrency: 1 };

async function written(count: number): Promise<Setup> {
  const before = setup();
  await writeNotes(before, count);
  return before;
}

function stopped(failures: number, code = 'MEK_VERSION_UNKNOWN'): object {
  return {
    code: 'TOO_MANY_FAILURES',
    message: `The run stopped after ${String(failures)} failures without a success between them, the first with ${code}: cure its cause and run it again to continue, or pass a larger "maxFailures"`,
  };
}

/** The events of a rewrap up to its error, and that error. */
async function failing(made: Setup, options: Parameters<typeof rewrap>[1]) {
  const events: unknown[] = [];
  const rewrapping = await start(made, options);
  try {
    for (;;) {
      const { done, value } = await pull(rewrapping, made.clock);
      if (done) return { events, error: undefined };
      events.push(value);
    }
  } catch (error) {
    return { events, error };
  }
}

describe('maxFailures', () => {
  it('stops a run after a hundred failures in a row, and another run continues it', async () => {
    const before = await written(120);
    const operator = withKeys(before, ['b']);
    const { events, error } = await failing(operator, { ...LOST, ...ONE_AT_A_TIME });
    expect(error).toMatchObject(stopped(100));
    const failed = ofType({ events: events as never }, 'failed');
    expect(failed).toHaveLength(100);
    expect(error).toMatchObject({ cause: failed[0]?.error, dekId: failed[0]?.dekId });
    expect(await record(before)).toMatchObject({ state: 'rewrapping', epoch: 2 });
    const { summary } = await rewrap(withKeys(before, ['b', 'a']));
    expect(summary).toMatchObject({ complete: true, changed: 120, epoch: 2, failures: {} });
  });

  it('does not stop one with fewer, which says how many failed and why', async () => {
    const operator = withKeys(await written(99), ['b']);
    const { summary, events } = await rewrap(operator, { ...LOST, ...ONE_AT_A_TIME });
    const example = ofType({ events }, 'failed')[0]?.dekId;
    expect(summary).toMatchObject({ complete: false, failed: 99 });
    expect(summary.failures).toEqual({ MEK_VERSION_UNKNOWN: { count: 99, example } });
  });

  it('counts anew in each scan, and after each success', async () => {
    const before = await written(9);
    for (const [index, { id }] of (await rows(before)).entries()) {
      if (index % 3 !== 0) await alterRow(before, id, { wrappedDek: 'AAAA' });
    }
    const operator = withKeys(before, ['b', 'a']);
    const options = { ...ONE_AT_A_TIME, maxFailures: 3 };
    const { summary } = await rewrap(operator, options);
    expect(summary).toMatchObject({ complete: false, changed: 3, failed: 6, passes: 3 });
    const { error } = await failing(operator, { ...ONE_AT_A_TIME, maxFailures: 2 });
    expect(error).toMatchObject(stopped(2, 'TAMPERED'));
  });

  it('is no affair of tombstones: they are neither failures nor successes', async () => {
    const before = await written(3);
    const [, middle] = await rows(before);
    const id = String(middle?.scope.at(-1));
    await before.encryptor.shred(note, { ...KEY, id });
    const operator = withKeys(before, ['b']);
    const options = { ...LOST, ...ONE_AT_A_TIME, maxFailures: 2 };
    expect((await failing(operator, options)).error).toMatchObject(stopped(2));
  });

  it('holds in a dry run', async () => {
    const operator = withKeys(await written(3), ['b']);
    const options = { ...LOST, ...ONE_AT_A_TIME, maxFailures: 3, dryRun: true };
    expect((await failing(operator, options)).error).toMatchObject(stopped(3));
  });

  it('says that a retry may help where that holds for the first failure', async () => {
    const operator = withKeys(await written(2), ['b', 'a']);
    operator.store.before = (method) => {
      if (method === 'replace') throw new StoreError('STORE_UNAVAILABLE', 'down');
    };
    const { error } = await failing(operator, { ...ONE_AT_A_TIME, maxFailures: 2 });
    expect(error).toMatchObject({ ...stopped(2, 'STORE_UNAVAILABLE'), retryable: true });
  });

  it('stops a migration, which lets its lease go', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 4);
    const backfill = async (maxFailures: number): Promise<unknown> =>
      migrate(
        backfillDocuments(made.encryptor, note, collection.store, {
          ...{ allowEmpty: true, maxFailures, concurrency: 1 },
        }),
        made.clock,
      );
    collection.probe.before = (method) => {
      if (method === 'replace') throw new StoreError('STORE_FAILED', 'full');
    };
    const error = await rejection(backfill(3));
    expect(error).toMatchObject(stopped(3, 'STORE_FAILED'));
    expect(error).not.toHaveProperty('dekId');
    collection.probe.before = () => undefined;
    expect(await backfill(3)).toMatchObject({ summary: { complete: true, changed: 4 } });
  });

  it('does not count DEKs that a recovery finds lost: its report is whole', async () => {
    const before = await written(5);
    // One row with a recovery wrap is enough to begin.
    const writer = setup({ beside: before, recoveryKey: PAIR.publicKey });
    await writer.encryptor.encryptDocument(note, { ...KEY, id: 'with', body: 'text' });
    const operator = withKeys(before, ['b']);
    const recovering = recoverDeks(operator.encryptor, {
      ...{ privateKey: PAIR.privateKey, target: await targetOf('b'), maxFailures: 2 },
    });
    for (;;) {
      const { done, value } = await pull(recovering, operator.clock);
      if (!done) continue;
      expect(value).toMatchObject({ complete: false, lost: 5, failed: 5 });
      expect(value.failures).toMatchObject({ DEK_UNRECOVERABLE: { count: 5 } });
      return;
    }
  });

  it.each([
    [0, 'RangeError', 'got 0'],
    [-1, 'RangeError', 'got -1'],
    [1.5, 'RangeError', 'got 1.5'],
    [Infinity, 'RangeError', 'got Infinity'],
    ['9', 'TypeError', 'got a string'],
  ])('of %s is refused', async (maxFailures, name, got) => {
    const operator = withKeys(await written(1), ['b', 'a']);
    expect(await failure(rewrap(operator, { maxFailures: maxFailures as number }))).toEqual({
      name,
      message: `"maxFailures" expected an integer from 1 to 1000000000, ${got}`,
    });
  });
});

describe('the failures of a summary', () => {
  it('are those of the last scan, by code, with a row as the example of each', async () => {
    const before = await written(4);
    const [one, two, three] = (await rows(before)) as [DekRow, DekRow, DekRow];
    await alterRow(before, one.id, { wrappedDek: 'AAAA' });
    await alterRow(before, two.id, { schema: 2 });
    await alterRow(before, three.id, { wrappedDek: 'AAAA' });
    const { summary } = await rewrap(withKeys(before, ['b', 'a']), ONE_AT_A_TIME);
    expect(summary.failures).toEqual({
      TAMPERED: { count: 2, example: one.id },
      ROW_UNSUPPORTED: { count: 1, example: two.id },
    });
  });

  it('name documents by their keys, which are not published', async () => {
    const [made, collection] = [setup(), notes()];
    await addPlain(collection, 2);
    collection.probe.before = (method) => {
      if (method === 'replace') throw new Error('of the driver');
    };
    const messages = hear('run');
    const { summary } = await migrate(
      backfillDocuments(made.encryptor, note, collection.store, { allowEmpty: true }),
      made.clock,
    );
    const example = { ...KEY, id: 'note-0' };
    expect(summary.failures).toEqual({ OTHER: { count: 2, example } });
    const last = messages.at(-1)?.event as { readonly summary: object };
    expect(last.summary).toMatchObject({ failed: 2, failures: { OTHER: { count: 2 } } });
    expect(JSON.stringify(messages)).not.toContain('note-0');
    expect(summary.failures['OTHER']?.example).toEqual(example);
  });

  it('are of 64 codes at most, as an adapter may invent more', () => {
    const counts = new FailureCounts();
    for (let index = 0; index < 70; index += 1) {
      const error = new FieldEncryptionError(`CODE_${String(index)}` as never, 'of an adapter');
      counts.add({ type: 'failed', error, dekId: String(index) });
    }
    expect(Object.keys(counts.byCode)).toHaveLength(65);
    expect(counts.byCode['OTHER']).toEqual({ count: 6, example: '64' });
  });
});
