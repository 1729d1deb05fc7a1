import { describe, expect, it, vi } from 'vitest';
import type { LiveDekRow } from '../../src/adapters.js';
import { KeyProviderError, rewrapAllDeks, type RewrapEvent } from '../../src/index.js';
import { deferred, turn } from '../support/deferred.js';
import { contentsOf, decryptAny, encryptAny, KEY, PRODUCT, setup } from '../support/encryptor.js';
import {
  alterRecord,
  alterRow,
  envKeys,
  ofType,
  pull,
  record,
  rewrap,
  rows,
  start,
  targetOf,
  versionOf,
  withKeys,
  writeNotes,
} from '../support/rotations.js';

const NOW = '2026-11-23T10:00:00.000Z';

async function written(count: number) {
  const before = setup();
  const stored = await writeNotes(before, count);
  return { before, stored, operator: withKeys(before, ['b', 'a']) };
}

describe('a rotation', () => {
  it('puts every DEK under the target, and the earlier key is not needed any more', async () => {
    const { stored, operator } = await written(25);
    const { summary } = await rewrap(operator);
    expect(summary).toEqual({
      run: 'rewrapAllDeks',
      durationMs: 30_000,
      epochOnly: 0,
      product: PRODUCT,
      epoch: 2,
      target: { keyProvider: 'env', mekName: 'env', mekVersion: await versionOf('b') },
      dryRun: false,
      complete: true,
      passes: 3,
      failures: {},
      changed: 25,
      repaired: 0,
      flipped: 0,
      scanned: 25,
      unchanged: 25,
      skipped: 0,
      failed: 0,
      wouldChange: 0,
    });
    const { encryptor } = withKeys(operator, ['b']);
    for (const [index, each] of stored.entries()) {
      expect(await decryptAny(encryptor, each)).toMatchObject({ body: `of note-${String(index)}` });
    }
  });

  it('says what it does in order, and ends with the summary that it returns', async () => {
    const { operator } = await written(2);
    const rewrapping = await start(operator, { concurrency: 1 });
    const events: RewrapEvent[] = [];
    let step = await pull(rewrapping, operator.clock);
    for (; !step.done; step = await pull(rewrapping, operator.clock)) events.push(step.value);
    expect(events.map(({ type }) => type).filter((type) => type !== 'fence')).toEqual([
      'begun',
      ...['pass', 'changed', 'changed', 'passed'],
      ...['pass', 'unchanged', 'unchanged', 'passed'],
      ...['pass', 'unchanged', 'unchanged', 'passed'],
      'finished',
    ]);
    expect(ofType({ events }, 'pass')).toEqual([
      { type: 'pass', pass: 1, purpose: 'change', total: 2 },
      { type: 'pass', pass: 2, purpose: 'change', total: 2 },
      { type: 'pass', pass: 3, purpose: 'verify', total: 2 },
    ]);
    expect(events.at(-1)).toEqual({ type: 'finished', summary: step.value });
  });

  it('counts in each row’s event what the pass has done so far', async () => {
    const { operator } = await written(3);
    const rewrapped = ofType(await rewrap(operator), 'changed');
    expect(rewrapped.map(({ counts }) => counts)).toEqual(
      [1, 2, 3].map((done) => ({
        scanned: done,
        changed: done,
        unchanged: 0,
        skipped: 0,
        failed: 0,
        wouldChange: 0,
      })),
    );
    const from = { keyProvider: 'env', mekName: 'env', mekVersion: await versionOf('a') };
    for (const event of rewrapped) expect(event).toMatchObject({ from, repaired: false });
  });

  it('keeps the wrap that each DEK came out of, and everything else of the row', async () => {
    const { before, operator } = await written(2);
    const earlier = (await rows(before)) as readonly LiveDekRow[];
    operator.clock.advance(60_000);
    await rewrap(operator);
    const later = (await rows(before)) as readonly LiveDekRow[];
    for (const [index, row] of earlier.entries()) {
      const { wrappedDek, wrapAlgorithm, keyProvider, mekName, mekVersion, epoch } = row;
      const previousWrap = { wrappedDek, wrapAlgorithm, keyProvider, mekName, mekVersion, epoch };
      expect(later[index]).toEqual({
        ...row,
        wrappedDek: later[index]?.wrappedDek,
        mekVersion: await versionOf('b'),
        epoch: 2,
        previousWrap,
        rewrappedAt: '2026-11-23T10:01:30.000Z',
      });
      expect(later[index]?.wrappedDek).not.toBe(wrappedDek);
    }
  });

  it('writes into the record where it is, and what was before', async () => {
    const { before, operator } = await written(1);
    const first = await record(before);
    const rewrapping = await start(operator);
    await pull(rewrapping, operator.clock);
    const begun = {
      ...first,
      epoch: 2,
      mekVersion: await versionOf('b'),
      state: 'fencing',
      startedAt: NOW,
      history: [
        {
          epoch: 1,
          keyProvider: 'env',
          mekName: 'env',
          mekVersion: await versionOf('a'),
          startedAt: first.startedAt,
          completedAt: first.completedAt,
        },
      ],
    };
    const expected = Object.fromEntries(
      Object.entries(begun).filter(([name]) => name !== 'completedAt'),
    );
    expect(await record(before)).toEqual(expected);
    for (let type = ''; type !== 'pass';) {
      const { value } = await pull(rewrapping, operator.clock);
      type = (value as RewrapEvent).type;
    }
    const fencedAt = '2026-11-23T10:00:30.000Z';
    expect(await record(before)).toEqual({ ...expected, state: 'rewrapping', fencedAt });
    while (!(await pull(rewrapping, operator.clock)).done);
    expect(await record(before)).toEqual({
      ...expected,
      state: 'complete',
      fencedAt,
      completedAt: fencedAt,
    });
  });

  it('remembers the newest 64 before it', async () => {
    const { before, operator } = await written(1);
    const { keyProvider, mekName, mekVersion, startedAt } = await record(before);
    const entry = { keyProvider, mekName, mekVersion, startedAt };
    const past = Array.from({ length: 63 }, (_each, index) => ({ epoch: index + 1, ...entry }));
    await alterRecord(before, { epoch: 64, history: past });
    for (let round = 0; round < 7; round += 1) {
      await rewrap(withKeys(before, round % 2 === 0 ? ['b', 'a'] : ['a', 'b']));
    }
    const { history, epoch } = await record(operator);
    expect(epoch).toBe(71);
    expect(history.map((entry) => entry.epoch)).toEqual(
      Array.from({ length: 64 }, (_each, index) => 7 + index),
    );
  });

  it('changes nothing when it is run again', async () => {
    const { before, operator } = await written(5);
    await rewrap(operator);
    const contents = await contentsOf(before.memory);
    operator.store.reset();
    const { summary, events } = await rewrap(operator);
    expect(summary).toMatchObject({
      complete: true,
      changed: 0,
      unchanged: 5,
      passes: 2,
      epoch: 2,
    });
    expect(ofType({ events }, 'fence')).toEqual([]);
    expect(ofType({ events }, 'begun')).toMatchObject([{ joined: true }]);
    expect(await contentsOf(before.memory)).toEqual(contents);
    expect(Object.keys(operator.store.calls).sort()).toEqual(['count', 'getRotation', 'list']);
  });

  it('tells the cache of each row, so that hot documents stay hot', async () => {
    const { stored, operator } = await written(3);
    for (const each of stored) await decryptAny(operator.encryptor, each);
    const told = vi.spyOn(operator.dekCache, 'rewrapped');
    await rewrap(operator, { verify: 'none' });
    expect(told.mock.calls.map(([row]) => row)).toEqual(
      expect.arrayContaining([...(await rows(operator))]),
    );
    expect(told).toHaveBeenCalledTimes(3);
    operator.provider.reset();
    operator.store.reset();
    for (const each of stored) await decryptAny(operator.encryptor, each);
    expect(operator.provider.calls).toEqual({});
    expect(operator.store.calls).toEqual({});
  });

  it('needs no cache, and no encryptor', async () => {
    const { operator } = await written(2);
    const { dekStore, keyProvider, clock } = operator;
    const encryption = { product: PRODUCT, keyProviders: [keyProvider], dekStore, clock };
    const rewrapping = rewrapAllDeks(encryption, { target: await targetOf('b') });
    let step = await pull(rewrapping, clock);
    while (!step.done) step = await pull(rewrapping, clock);
    expect(step.value).toMatchObject({ complete: true, changed: 2 });
  });

  it('leaves new DEKs on the target, from the moment it began', async () => {
    const { operator } = await written(1);
    const rewrapping = await start(operator);
    await pull(rewrapping, operator.clock);
    const writer = withKeys(operator, ['a', 'b']);
    await encryptAny(writer.encryptor, { ...KEY, id: 'new', body: 'text' });
    const created = (await rows(operator)).find(({ scope }) => scope.includes('new'));
    expect(created).toMatchObject({ epoch: 2, mekVersion: await versionOf('b') });
    while (!(await pull(rewrapping, operator.clock)).done);
    const again = (await rows(operator)).find(({ scope }) => scope.includes('new'));
    expect(again).toEqual(created);
  });

  it('takes as many passes as it needs when DEKs turn up behind it', async () => {
    const { before, operator } = await written(3);
    let isPlanted = false;
    operator.store.after = async (method, result) => {
      if (method === 'list' && !isPlanted) {
        isPlanted = true;
        await writeNotes(withKeys(before, ['a', 'b']), 6);
      }
      return result;
    };
    const { summary } = await rewrap(operator);
    expect(summary).toMatchObject({ complete: true, unchanged: 6, failed: 0 });
  });
});

describe('with a source version', () => {
  it('rewraps rows of that version alone, skips the others, and does not complete', async () => {
    const { before } = await written(2);
    await rewrap(withKeys(before, ['b', 'a']));
    await writeNotes(withKeys(before, ['b', 'a']), 4);
    const operator = withKeys(before, ['c', 'a', 'b']);
    const live = (await rows(before)) as readonly LiveDekRow[];
    const { id: planted = '', previousWrap } = live.find((row) => row.previousWrap) ?? {};
    await alterRow(before, planted, { ...previousWrap, epoch: 2 });

    const some = await rewrap(operator, { sourceVersion: await versionOf('b') });
    expect(some.summary).toMatchObject({ complete: false, changed: 3, unchanged: 3, skipped: 1 });
    expect(ofType(some, 'skipped')).toContainEqual(
      expect.objectContaining({ dekId: planted, reason: 'other-version' }),
    );
    expect(await record(before)).toMatchObject({ epoch: 3, state: 'rewrapping' });

    const rest = await rewrap(operator);
    expect(rest.summary).toMatchObject({ complete: true, changed: 1, unchanged: 4, skipped: 0 });
    expect(await record(before)).toMatchObject({ epoch: 3, state: 'complete' });
  });

  it('still moves the epoch of rows that are on the target already', async () => {
    const { before } = await written(2);
    await rewrap(withKeys(before, ['b', 'a']), {});
    const operator = withKeys(before, ['a', 'b']);
    await rewrap(operator, { sourceVersion: await versionOf('c'), allowUnknown: true });
    expect(await record(before)).toMatchObject({ epoch: 3, state: 'rewrapping' });
    const { summary } = await rewrap(withKeys(before, ['b', 'a']), {
      takeOver: true,
      ...{ sourceVersion: await versionOf('c'), allowUnknown: true },
    });
    expect(summary).toMatchObject({ epoch: 4, complete: true, changed: 0, unchanged: 2 });
    expect((await rows(before)).map(({ epoch }) => epoch)).toEqual([4, 4]);
  });
});

describe('an epoch-only move', () => {
  it('asks no vault, keeps the wraps byte for byte, and is counted as current', async () => {
    const { before } = await written(2);
    const operator = withKeys(before, ['b', 'a']);
    await rewrap(operator);
    const earlier = await rows(before);
    await (await start(withKeys(before, ['a', 'b']))).next();
    operator.provider.reset();
    const back = await rewrap(operator, { takeOver: true });
    expect(back.summary).toMatchObject({ epoch: 4, complete: true, changed: 0, unchanged: 2 });
    expect(operator.provider.calls).toEqual({ currentVersion: 1, wrapKey: 1, unwrapKey: 1 });
    expect(ofType(back, 'unchanged').map(({ epochOnly }) => epochOnly)).toEqual([
      ...[true, true],
      ...[false, false],
      ...[false, false],
    ]);
    expect(await rows(before)).toEqual(earlier.map((row) => ({ ...row, epoch: 4 })));
  });
});

describe('verify', () => {
  it.each([
    ['all', { wrapKey: 1 + 6, unwrapKey: 2 + 2 * 6 }],
    ['first', { wrapKey: 1 + 6, unwrapKey: 2 + 6 + 1 }],
    ['none', { wrapKey: 1 + 6, unwrapKey: 2 + 6 }],
  ] as const)('%s costs the calls that it says', async (verify, calls) => {
    for (const concurrency of [1, 8]) {
      const { operator } = await written(6);
      await rewrap(operator, { verify, concurrency });
      expect(operator.provider.calls).toEqual({ currentVersion: 1, ...calls });
    }
  });

  it('first is the first that can be verified: nothing is written before', async () => {
    const { before, operator } = await written(6);
    const target = await versionOf('b');
    const moved: number[] = [];
    operator.provider.before = async (method, [wrap]) => {
      if (method !== 'unwrapKey' || (wrap as LiveDekRow).mekVersion !== target) return;
      const all = (await rows(before)) as readonly LiveDekRow[];
      moved.push(all.filter(({ mekVersion }) => mekVersion === target).length);
      // The first is the round trip's.
      if (moved.length !== 2 && moved.length !== 3) return;
      throw new KeyProviderError('KEY_PROVIDER_UNAVAILABLE', 'down', { retryable: true });
    };
    const { events, summary } = await rewrap(operator, { verify: 'first', concurrency: 8 });
    expect(moved).toEqual([0, 0, 0, 0]);
    expect(summary).toMatchObject({ complete: true, changed: 6 });
    expect(ofType({ events }, 'failed')).toHaveLength(2);
  });

  it.each([2, 8])('first keeps the other rows waiting, %i at once', async (concurrency) => {
    const { before, operator } = await written(6);
    const target = await versionOf('b');
    const contents = await rows(before);
    const [reached, verified] = [deferred(), deferred()];
    let unwraps = 0;
    operator.provider.before = (method, [wrap]) => {
      if (method !== 'unwrapKey' || (wrap as LiveDekRow).mekVersion !== target) return undefined;
      unwraps += 1;
      if (unwraps !== 2) return undefined;
      reached.resolve();
      return verified.promise;
    };
    const rewrapping = rewrap(operator, { verify: 'first', concurrency });
    await reached.promise;
    for (let turns = 0; turns < 50; turns += 1) await turn();
    expect(await rows(before)).toEqual(contents);
    verified.resolve();
    expect((await rewrapping).summary).toMatchObject({ complete: true, changed: 6 });
    expect(unwraps).toBe(2);
  });

  it('keeps a wrap from replacing the old one that does not give the DEK back', async () => {
    const { before, operator } = await written(3);
    const contents = await rows(before);
    const other = await envKeys('b').wrapKey(Buffer.alloc(32, 7), await targetOf('b'));
    const probe = await start(operator);
    await pull(probe, operator.clock);
    operator.provider.after = (method, result) => (method === 'wrapKey' ? other : result);
    while (!(await pull(probe, operator.clock)).done);
    expect(await rows(before)).toEqual(contents);
  });
});
