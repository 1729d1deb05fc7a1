import { describe, expect, it } from 'vitest';
import type { DekRow } from '../../../src/adapters.js';
import { prunePreviousWraps, StoreError, type MaintenanceEvent } from '../../../src/index.js';
import { contentsOf, KEY, note, PRODUCT, setup } from '../../support/encryptor.js';
import { failure, refused } from '../../support/failure.js';
import { liveRows, rotated } from '../../support/previous-wraps.js';
import {
  alterRow,
  pull,
  record,
  rewrap,
  rows,
  start,
  targetOf,
  versionOf,
  withKeys,
} from '../../support/rotations.js';
import { prune } from '../../support/pruning.js';

describe('pruning beside a rotation', () => {
  it('is refused while one is unfinished, and writes nothing', async () => {
    const [made, operator] = await rotated(2);
    await (await start(withKeys(made, ['c', 'b', 'a']))).next();
    const contents = await contentsOf(made.memory);
    const { startedAt } = await record(made);
    expect(await failure(prune(operator))).toEqual(
      refused(
        'ROTATION_UNFINISHED',
        `The rotation to env/env/${await versionOf('c')} with epoch 3, begun ${startedAt}, is not finished, and may need the previous wraps: finish it before you prune`,
      ),
    );
    expect(await contentsOf(made.memory)).toEqual(contents);
  });

  it('stops when one begins, before the next page', async () => {
    const [made, operator] = await rotated(2);
    operator.store.after = async (method, result) => {
      if (method !== 'list') return result;
      await (await start(withKeys(made, ['c', 'b', 'a']))).next();
      return result;
    };
    const before = await rows(made);
    expect(await failure(prune(operator))).toEqual(
      refused(
        'ROTATION_SUPERSEDED',
        `Pruning at epoch 2 stopped because the rotation record is at epoch 3 now, with the target env/env/${await versionOf('c')}: wraps already pruned stay removed; prune again after the soak of that rotation`,
      ),
    );
    expect(await rows(made)).toEqual(before);
  });

  it('stops when one began while it was not pulled, before the next row', async () => {
    const [made, operator] = await rotated(4);
    operator.clock.advance(1);
    const rewrappedBefore = new Date(operator.clock.wallMs());
    const pruning = prunePreviousWraps(operator.encryptor, { rewrappedBefore, concurrency: 1 });
    for (let type = ''; type !== 'changed';) {
      type = ((await pull(pruning, made.clock)).value as MaintenanceEvent).type;
    }
    await (await start(withKeys(made, ['c', 'b', 'a']))).next();
    made.clock.advance(30_000);
    const before = await rows(made);
    expect(await failure(pull(pruning, made.clock))).toMatchObject({ code: 'ROTATION_SUPERSEDED' });
    expect(await rows(made)).toEqual(before);
    expect(before.filter((row) => 'previousWrap' in row).length).toBeGreaterThan(1);
  });

  it('stops when one began after it lost a row to someone else', async () => {
    const [made, operator] = await rotated(1);
    const [first] = await liveRows(made);
    operator.store.before = async (method) => {
      if (method !== 'replace') return;
      operator.store.before = () => undefined;
      await alterRow(made, first?.id ?? '', {});
      await (await start(withKeys(made, ['c', 'b', 'a']))).next();
    };
    expect(await failure(prune(operator))).toMatchObject({ code: 'ROTATION_SUPERSEDED' });
    expect((await liveRows(made))[0]?.previousWrap).toEqual(first?.previousWrap);
  });

  it('is refused where the record is gone, and rows are not', async () => {
    const [made, operator] = await rotated(1);
    operator.store.after = (method, result) => (method === 'getRotation' ? undefined : result);
    expect(await failure(prune(operator))).toMatchObject({ code: 'ROTATION_RECORD_MISSING' });
    expect((await liveRows(made))[0]?.previousWrap).toBeDefined();
  });

  it('is not undone by a rerun of the finished rotation', async () => {
    const [made, operator] = await rotated(2);
    await prune(operator);
    const contents = await contentsOf(made.memory);
    await rewrap(operator);
    expect(await contentsOf(made.memory)).toEqual(contents);
  });
});

describe('pruning and whatever goes wrong', () => {
  it('knows its write when only the answer was lost', async () => {
    const [made, operator] = await rotated(2);
    operator.store.after = (method, result) => {
      if (method !== 'replace') return result;
      operator.store.after = (_method, later) => later;
      throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
    };
    const result = await prune(operator);
    expect(result.summary).toMatchObject({ complete: true, changed: 2, failed: 0 });
    expect((await rows(made)).some((row) => 'previousWrap' in row)).toBe(false);
  });

  it('decides anew after a lost race', async () => {
    const [made, operator] = await rotated(1);
    const retired = { state: 'retired', retiredAt: '2026-11-23T10:00:00.000Z' };
    operator.store.before = async (method, [row]) => {
      if (method !== 'replace') return;
      operator.store.before = () => undefined;
      await alterRow(made, (row as DekRow).id, retired);
    };
    const { summary } = await prune(operator);
    expect(summary).toMatchObject({ complete: true, changed: 1 });
    expect((await rows(made))[0]).toMatchObject(retired);
    expect((await rows(made))[0]).not.toHaveProperty('previousWrap');
  });

  it('leaves a row alone that was shredded meanwhile', async () => {
    const [made, operator] = await rotated(1);
    operator.store.before = async (method) => {
      if (method !== 'replace') return;
      operator.store.before = () => undefined;
      await made.encryptor.shred(note, { ...KEY, id: 'note-0' });
    };
    const { summary } = await prune(operator);
    expect(summary).toMatchObject({ complete: true, changed: 0, skipped: 1 });
    expect((await rows(made))[0]?.state).toBe('shredded');
  });

  it('stops at the signal, and goes on in the next run', async () => {
    const [, operator] = await rotated(4);
    operator.clock.advance(1);
    const controller = new AbortController();
    const reason = new Error('enough');
    const options = { rewrappedBefore: new Date(operator.clock.wallMs()), concurrency: 1 };
    const { signal } = controller;
    const pruning = prunePreviousWraps(operator.encryptor, { ...options, signal });
    for (let type = ''; type !== 'changed';) {
      type = ((await pull(pruning, operator.clock)).value as MaintenanceEvent).type;
    }
    controller.abort(reason);
    const ended = (async () => {
      while (!(await pull(pruning, operator.clock)).done);
    })();
    expect(await failure(ended)).toEqual({ name: 'Error', message: 'enough' });
    const { summary } = await prune(operator, options);
    expect(summary).toMatchObject({ complete: true, changed: 3, unchanged: 4 });
  });
});

describe('options of pruning', () => {
  it.each([
    [undefined, 'TypeError', '"options" expected a plain object, got undefined'],
    [
      {},
      'TypeError',
      '"rewrappedBefore" expected a Date, or a time as toISOString() writes it: wraps displaced before it are removed',
    ],
    [
      { rewrappedBefore: '2026-11-23' },
      'TypeError',
      '"rewrappedBefore" expected a Date, or a time as toISOString() writes it: wraps displaced before it are removed',
    ],
    [
      { rewrappedBefore: '2999-01-01T00:00:00.000Z' },
      'RangeError',
      '"rewrappedBefore" expected a time in the past, got one in the future',
    ],
    [
      { rewrappedBefore: new Date(0), soak: 1 },
      'RangeError',
      '"soak" is no option: expected rewrappedBefore, mek, allowUnknown, concurrency, dryRun, maxFailures, allowEmpty, maxVaultOpsPerSecond, reserveForTraffic, signal',
    ],
    [
      { rewrappedBefore: new Date(0), mek: 'env-1' },
      'TypeError',
      '"mek" expected a plain object, got a string',
    ],
    [
      { rewrappedBefore: new Date(0), mek: { mekVersion: 'a b' } },
      'RangeError',
      '"mek.mekVersion" expected 1 to 128 letters, digits, ".", "_" or "-", got another text',
    ],
    [
      { rewrappedBefore: new Date(0), dryRun: 1 },
      'TypeError',
      '"dryRun" expected a boolean, got a number',
    ],
  ])('that are invalid are refused before anything happens: %j', async (options, name, message) => {
    const [, operator] = await rotated(1);
    operator.store.reset();
    const pruning = prunePreviousWraps(operator.encryptor, options as never);
    expect(await failure(pruning.next())).toEqual({ name, message });
    expect(operator.store.calls).toEqual({});
  });

  it('may not leave open which of several providers is meant', async () => {
    const made = setup();
    const { keyProvider } = made;
    const two = { ...keyProvider, id: 'other', mekName: 'env' };
    const encryption = {
      product: PRODUCT,
      keyProviders: [keyProvider, two],
      dekStore: made.memory,
    };
    const mek = await targetOf('a');
    const pruning = prunePreviousWraps(encryption, { rewrappedBefore: new Date(0), mek });
    expect(await failure(pruning.next())).toEqual({
      name: 'RangeError',
      message: '"mek" may belong to several key providers; name one of: env/env, other/env',
    });
  });
});
