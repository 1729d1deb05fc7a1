import { describe, expect, it } from 'vitest';
import type { LiveDekRow } from '../../../src/adapters.js';
import { assertRetirable, MekStillNeededError } from '../../../src/index.js';
import { contentsOf, KEY, note, PRODUCT, setup } from '../../support/encryptor.js';
import { failure, rejection } from '../../support/failure.js';
import { liveRows, rotated } from '../../support/previous-wraps.js';
import { prune } from '../../support/pruning.js';
import {
  alterRecord,
  alterRow,
  ended,
  record,
  rewrap,
  rows,
  start,
  targetOf,
  versionOf,
  withKeys,
} from '../../support/rotations.js';
import { ask, DAY_MS, left, putBack, reasonsOf } from '../../support/retiring.js';

const ENV = { keyProvider: 'env', mekName: 'env' };
const FENCE_TTL_MS = 30_000;
const RETIRED = { state: 'retired', retiredAt: '2026-11-23T10:00:00.000Z' };

describe('a version that nothing needs', () => {
  it('may be retired, after a whole fence and three scans', async () => {
    const [made, operator] = await left();
    const contents = await contentsOf(made.memory);
    const startMs = operator.clock.monotonicMs();
    const { census, ...report } = await ask(operator);
    expect(report).toEqual({
      product: PRODUCT,
      mek: { ...ENV, mekVersion: await versionOf('a') },
      epoch: 2,
      target: { ...ENV, mekVersion: await versionOf('b') },
      leftAt: '2026-11-23T10:00:30.000Z',
      waitedMs: FENCE_TTL_MS,
    });
    expect(census).toMatchObject({ rows: 3, active: 3, settled: true });
    expect(operator.clock.monotonicMs() - startMs).toBe(FENCE_TTL_MS);
    expect(operator.store.calls).toEqual({ getRotation: 4, list: 3 });
    expect(operator.provider.calls).toEqual({});
    expect(await contentsOf(made.memory)).toEqual(contents);
  });

  it('may be of a provider that is configured no more', async () => {
    const [, operator] = await left();
    const mek = { keyProvider: 'akv', mekName: 'old', mekVersion: 'v1' };
    expect(await ask(operator, { mek, allowUnknown: true })).toMatchObject({ mek });
  });

  it('is one of another MEK name than that of the rows', async () => {
    const [, operator] = await rotated(2);
    for (const { mekVersion } of [await targetOf('a'), await targetOf('b')]) {
      const mek = { ...ENV, mekVersion, mekName: 'other' };
      expect(await ask(operator, { mek, allowUnknown: true })).toMatchObject({ mek, epoch: 2 });
    }
  });
});

describe('a version that is still needed', () => {
  it('is for every reason at once, each with what to do about it', async () => {
    const [made, operator] = await rotated(6);
    const [under, behind, ahead, unreadable] = await liveRows(made);
    await putBack(made, under as LiveDekRow);
    await alterRow(made, behind?.id ?? '', { epoch: 1 });
    await alterRow(made, ahead?.id ?? '', { epoch: 9 });
    await alterRow(made, unreadable?.id ?? '', { schema: 2 });
    await (await start(withKeys(made, ['a', 'b']), { takeOver: true })).next();
    const { startedAt } = await record(made);
    const error = await rejection(ask(operator, { backupWindowMs: DAY_MS }));
    if (!(error instanceof MekStillNeededError)) throw error;
    const ids = (await rows(made)).map(({ id }) => id);
    const [one, two, three, four, five, six] = ids;
    const mek = `env/env/${await versionOf('a')}`;
    expect(error).toMatchObject({ name: 'MekStillNeededError', retryable: false });
    expect(error.message.split('\n')).toEqual([
      `The MEK version ${mek} of the product "notelett" cannot be retired yet:`,
      '- new DEKs are wrapped with it; rotate to another version',
      `- the rotation to ${mek} with epoch 3, begun ${startedAt}, is not finished; finish it`,
      `- rows under it: 1 (${String(one)}); run the rotation again`,
      `- rows that keep a previous wrap under it: 5 (${String(one)}, ${String(two)}, ${String(three)}, …); run prunePreviousWraps after the soak`,
      `- other rows that the rotation has not moved: 3 (${String(two)}, ${String(five)}, ${String(six)}); run the rotation again`,
      `- rows above the epoch of the rotation record: 1 (${String(three)}); restore the newest record, or the rows if only they were altered`,
      `- rows that cannot be read: 1 (${String(four)}); find all of them with findUnreadableRows, and restore them or upgrade`,
      '- backups of the DEK store made up to now need it until 2026-11-24T10:00:30.000Z, and later ones for longer; wait for them to expire',
    ]);
    const { reasons } = error;
    expect(reasons.map(({ type }) => type)).toEqual([
      ...['current-target', 'rotation-unfinished', 'rows', 'previous-wraps'],
      ...['rows-behind', 'rows-ahead', 'unreadable-rows', 'backups'],
    ]);
    expect(reasons[1]).toMatchObject({
      ...{ epoch: 3, startedAt, target: { ...ENV, mekVersion: await versionOf('a') } },
    });
    expect(reasons[2]).toMatchObject({ rows: 1, dekIds: [one] });
    expect(reasons[7]).toEqual({
      type: 'backups',
      until: '2026-11-24T10:00:30.000Z',
      message: reasons[7]?.message,
    });
  });

  it.each([
    ['on the target, below the epoch', 'b', 1, 'rows-behind'],
    ['on another version, at the epoch', 'c', 2, 'rows-behind'],
    ['on the target, above the epoch', 'b', 3, 'rows-ahead'],
    ['under it, at the epoch', 'a', 2, 'rows'],
  ] as const)('is for a single row %s', async (_where, mek, epoch, type) => {
    for (const state of [{}, RETIRED]) {
      for (const scan of [1, 2, 3]) {
        const [made, operator] = await left();
        const [row] = await liveRows(made);
        const mekVersion = await versionOf(mek);
        operator.store.before = async (method) => {
          if (method !== 'list' || operator.store.calls['list'] !== scan) return;
          await alterRow(made, row?.id ?? '', { mekVersion, epoch, ...state });
        };
        expect(await reasonsOf(operator)).toMatchObject([{ type, rows: 1, dekIds: [row?.id] }]);
        expect(operator.store.calls).toMatchObject({ list: scan });
      }
    }
  });

  it('is until a run of the rotation has moved the epoch of the last row', async () => {
    const [made, operator] = await left();
    const [row] = await liveRows(made);
    await alterRow(made, row?.id ?? '', { epoch: 1 });
    await prune(operator);
    expect(await reasonsOf(operator)).toMatchObject([{ type: 'rows-behind', rows: 1 }]);
    await rewrap(operator);
    expect(await ask(operator)).toMatchObject({ census: { settled: true, behind: 0 } });
  });

  it('is reported at once, without a wait', async () => {
    const [, operator] = await rotated(2);
    operator.store.reset();
    const startMs = operator.clock.monotonicMs();
    expect(await reasonsOf(operator)).toMatchObject([{ type: 'previous-wraps', rows: 2 }]);
    expect(operator.clock.monotonicMs()).toBe(startMs);
    expect(operator.store.calls).toEqual({ getRotation: 2, list: 1 });
  });

  it('is that of a product without rows, whose first DEK may be wrapped by anything', async () => {
    const made = setup();
    expect(await reasonsOf(made, { allowEmpty: true })).toEqual([
      {
        type: 'current-target',
        message:
          'there is no rotation record yet, so the first DEK may be wrapped with it; call again when there is one',
      },
    ]);
    expect(await made.memory.getRotation(PRODUCT)).toBeUndefined();
  });

  it('is the target of a rotation that is complete', async () => {
    const [, operator] = await left(1);
    expect(await reasonsOf(operator, { mek: await targetOf('b') })).toMatchObject([
      { type: 'current-target' },
      { type: 'rows', rows: 1 },
    ]);
  });

  it('names ten rows of each kind, and counts the others', async () => {
    const [made, operator] = await rotated(12);
    const [reason] = await reasonsOf(operator);
    const ids = (await rows(made)).map(({ id }) => id);
    expect(reason).toMatchObject({ rows: 12, dekIds: ids.slice(0, 10) });
  });

  it('is not needed for a tombstone', async () => {
    const [made, operator] = await rotated(1);
    await made.encryptor.shred(note, { ...KEY, id: 'note-0' });
    expect(await ask(operator)).toMatchObject({ census: { shredded: 1 } });
  });

  it('is never said of a product whose record is lost', async () => {
    const [, operator] = await left();
    operator.store.after = (method, result) => (method === 'getRotation' ? undefined : result);
    expect(await failure(ask(operator))).toMatchObject({ code: 'ROTATION_RECORD_MISSING' });
  });
});

describe('the wait', () => {
  it('is of one whole fence, of the record and not of the process', async () => {
    const [made, operator] = await left();
    await alterRecord(made, { fenceTtlMs: 5_000 });
    expect(await ask(operator)).toMatchObject({ waitedMs: 5_000 });
    await alterRecord(made, { fenceTtlMs: 5_000, drainTtlMs: 45_000 });
    expect(await ask(operator)).toMatchObject({ waitedMs: 45_000 });
  });

  it('takes twice the read lag of the store longer', async () => {
    const [made, operator] = await left();
    const lagging = Object.assign(Object.create(operator.dekStore) as typeof operator.dekStore, {
      readLagMs: () => Promise.resolve(3_000),
    });
    const { product, keyProviders, clock } = operator.encryptor;
    const encryption = { product, keyProviders, clock, dekStore: lagging };
    const startMs = clock.monotonicMs();
    const mek = await targetOf('a');
    const asked = assertRetirable(encryption, { mek, backupWindowMs: 0 });
    expect(await ended(asked, made.clock)).toMatchObject({ waitedMs: FENCE_TTL_MS + 6_000 });
    expect(clock.monotonicMs() - startMs).toBe(FENCE_TTL_MS + 6_000);
  });

  it('is not a millisecond shorter, whatever the wall clock says', async () => {
    const [, operator] = await left();
    const mek = await targetOf('a');
    let isOver = false;
    const asked = assertRetirable(operator.encryptor, { mek, backupWindowMs: 0 }).then(() => {
      isOver = true;
    });
    await operator.clock.run(FENCE_TTL_MS - 1);
    expect(isOver).toBe(false);
    await operator.clock.run(1);
    await asked;
    expect(isOver).toBe(true);
  });

  it('is what shows a row that a slow writer made under the old record', async () => {
    const [made, operator] = await left();
    const [first] = await liveRows(made);
    const mek = await targetOf('a');
    const asked = rejection(assertRetirable(operator.encryptor, { mek, backupWindowMs: 0 }));
    await operator.clock.run(FENCE_TTL_MS - 1);
    await putBack(made, first as LiveDekRow);
    await operator.clock.run(1);
    expect(await asked).toMatchObject({ reasons: [{ type: 'rows', rows: 1 }] });
  });

  it('is followed by two scans: the second finds what was inserted behind the first', async () => {
    const [made, operator] = await left();
    const [first] = await liveRows(made);
    operator.store.after = async (method, result) => {
      if (method === 'list' && operator.store.calls['list'] === 2) {
        await putBack(made, first as LiveDekRow);
      }
      return result;
    };
    expect(await reasonsOf(operator)).toMatchObject([{ type: 'rows', dekIds: [first?.id] }]);
    expect(operator.store.calls).toMatchObject({ list: 3 });
  });

  it('counts for nothing when a rotation begins meanwhile', async () => {
    const [made, operator] = await left();
    const mek = await targetOf('a');
    const asked = rejection(assertRetirable(operator.encryptor, { mek, backupWindowMs: 0 }));
    await operator.clock.run(1_000);
    await (await start(withKeys(made, ['a', 'b']))).next();
    await operator.clock.run(FENCE_TTL_MS);
    expect(await asked).toMatchObject({
      retryable: true,
      reasons: [
        {
          type: 'fence',
          message:
            'the rotation record was written meanwhile, and writers may still use the previous one; try again',
        },
      ],
    });
  });

  it('takes no row of a rotation that begins meanwhile for one that the record has lost', async () => {
    const [made, operator] = await left();
    const mek = await targetOf('a');
    const asked = rejection(assertRetirable(operator.encryptor, { mek, backupWindowMs: 0 }));
    await operator.clock.run(1_000);
    const other = withKeys(made, ['c', 'b', 'a']);
    await (await start(other)).next();
    await other.encryptor.encryptDocument(note, { ...KEY, id: 'new', body: 'text' } as never);
    await operator.clock.run(FENCE_TTL_MS);
    expect((await liveRows(made)).map(({ epoch }) => epoch)).toContain(3);
    expect(await asked).toMatchObject({ retryable: true, reasons: [{ type: 'fence' }] });
  });

  it('counts for nothing when the record is written during a scan', async () => {
    for (const scan of [1, 2, 3]) {
      const [made, operator] = await left();
      operator.store.after = async (method, result) => {
        if (method === 'list' && operator.store.calls['list'] === scan) await alterRecord(made, {});
        return result;
      };
      expect(await reasonsOf(operator)).toMatchObject([{ type: 'fence' }]);
    }
  });

  it('is no reason to try again where others stand beside it', async () => {
    const [made, operator] = await left();
    const [first] = await liveRows(made);
    operator.store.after = async (method, result) => {
      if (method === 'list' && operator.store.calls['list'] === 2) {
        await putBack(made, first as LiveDekRow);
        await alterRecord(made, {});
      }
      return result;
    };
    const error = await rejection(ask(operator));
    expect(error).toMatchObject({ retryable: true, reasons: [{ type: 'fence' }] });
    operator.store.after = async (method, result) => {
      if (method === 'list') await alterRecord(made, {});
      return result;
    };
    expect(await rejection(ask(operator))).toMatchObject({
      retryable: false,
      reasons: [{ type: 'rows' }, { type: 'fence' }],
    });
  });

  it('ends with the signal', async () => {
    const [, operator] = await left();
    const controller = new AbortController();
    const { signal } = controller;
    const mek = await targetOf('a');
    const options = { mek, backupWindowMs: 0, signal };
    const asked = rejection(assertRetirable(operator.encryptor, options));
    await operator.clock.run(1_000);
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await asked).toBe(reason);
    expect(await rejection(assertRetirable(operator.encryptor, options))).toBe(reason);
  });
});

describe('options of a retirement', () => {
  const mek = { mekVersion: 'env-1' };
  it.each([
    [undefined, 'TypeError', '"options" expected a plain object, got undefined'],
    [
      { mek },
      'TypeError',
      '"backupWindowMs" expected an integer from 0 to 3155760000000, got undefined',
    ],
    [
      { mek, backupWindowMs: Infinity },
      'RangeError',
      '"backupWindowMs" expected an integer from 0 to 3155760000000, got Infinity',
    ],
    [
      { mek, backupWindow: 1 },
      'RangeError',
      '"backupWindow" is no option: expected mek, backupWindowMs, onWait, allowEmpty, allowUnknown, signal; did you mean "backupWindowMs"?',
    ],
    [{ backupWindowMs: 0 }, 'TypeError', '"mek" expected a plain object, got undefined'],
    [
      { backupWindowMs: 0, mek: { mekVersion: '' } },
      'TypeError',
      '"mek.mekVersion" expected a non-empty string, got an empty one',
    ],
    [
      { backupWindowMs: 0, mek, signal: 1 },
      'TypeError',
      '"signal" expected an AbortSignal, got a number',
    ],
  ])('that are invalid are refused before anything is read: %j', async (options, name, message) => {
    const [, operator] = await left();
    expect(await failure(assertRetirable(operator.encryptor, options as never))).toEqual({
      name,
      message,
    });
    expect(operator.store.calls).toEqual({});
  });
});
