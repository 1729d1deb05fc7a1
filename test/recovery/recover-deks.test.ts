import { describe, expect, it } from 'vitest';
import type { LiveDekRow } from '../../src/adapters.js';
import { addRecoveryWraps, KeyProviderError, recoverDeks, takeCensus } from '../../src/index.js';
import { contentsOf, decryptAny, encryptAny, KEY, note, type Loose } from '../support/encryptor.js';
import { rejection } from '../support/failure.js';
import {
  alter,
  expectReadable,
  failures,
  lostIn,
  OURS,
  recover,
  recoverable,
  rowOf,
  strip,
} from '../support/recovery.js';
import {
  dekInRecoveryWrap,
  liveRows,
  OTHER_PAIR,
  PAIR,
  without,
} from '../support/recovery-pairs.js';
import { pullUntil, record, rewrap, targetOf, versionOf, withKeys } from '../support/rotations.js';
import { openWrap } from '../support/rotation/meks.js';
import { runToEnd } from '../support/run-to-end.js';

describe('recoverDeks', () => {
  it('wraps every DEK under a new MEK when all of the old one is gone', async () => {
    const { made, stored, operator } = await recoverable();
    await encryptAny(made.encryptor, { ...KEY, id: 'gone', body: 'text' });
    await made.encryptor.shred(note, { ...KEY, id: 'gone' });
    const retiredAt = '2026-11-28T10:00:00.000Z';
    await alter(made, 'note-1', { state: 'retired', retiredAt });
    const before = await liveRows(made);
    const [versionA, versionB] = [await versionOf('a'), await versionOf('b')];
    const unread = await rejection(decryptAny(operator.encryptor, stored[0]));
    expect(unread).toMatchObject({ code: 'MEK_VERSION_UNKNOWN' });

    const { events, summary } = await recover(operator);
    const target = { keyProvider: 'env', mekName: 'env', mekVersion: versionB };
    expect(summary).toEqual({
      run: 'recoverDeks',
      durationMs: 30_000,
      epochOnly: 0,
      product: 'notelett',
      epoch: 2,
      target,
      dryRun: false,
      complete: true,
      passes: 3,
      failures: {},
      changed: 3,
      flipped: 0,
      repaired: 0,
      scanned: 4,
      unchanged: 3,
      skipped: 1,
      failed: 0,
      wouldChange: 0,
      recoveryKeyId: PAIR.id,
      recovered: 3,
      lost: 0,
      losses: {
        'no-recovery-wrap': 0,
        'other-recovery-key': 0,
        'broken-recovery-wrap': 0,
        'commitment-mismatch': 0,
        'unreadable-row': 0,
      },
    });
    expect(events.at(-1)).toEqual({ type: 'finished', summary });
    const rewrapped = events.filter(({ type }) => type === 'changed');
    expect(rewrapped[0]).toMatchObject({
      from: { keyProvider: 'env', mekName: 'env', mekVersion: versionA },
      repaired: false,
      flipped: false,
      recovered: true,
    });
    const after = await liveRows(made);
    for (const [index, row] of before.entries()) {
      const now = after[index] as LiveDekRow;
      expect(without(now, 'wrappedDek', 'rewrappedAt')).toEqual({
        ...without(row, 'wrappedDek'),
        epoch: 2,
        mekVersion: versionB,
      });
      expect(now.rewrappedAt).toBeDefined();
      expect(openWrap(now).toString('hex')).toBe(dekInRecoveryWrap(row));
    }
    expect(await record(made)).toMatchObject({ state: 'complete', epoch: 2, mekVersion: versionB });
    expect((await takeCensus(operator.encryptor)).settled).toBe(true);
    await expectReadable(made, stored);
  });

  it('calls no MEK for what it opens from recovery wraps', async () => {
    const { made } = await recoverable();
    const both = withKeys(made, ['b', 'a'], OURS);
    await recover(both);
    // Of the round trip before, and then of each row: a wrap, and its check.
    expect(both.provider.calls).toEqual({ currentVersion: 1, wrapKey: 1 + 3, unwrapKey: 1 + 3 });
  });

  it('that is run again writes nothing, also once the recovery key was changed', async () => {
    const { made, operator } = await recoverable();
    await recover(operator);
    const once = await contentsOf(made.memory);
    expect((await recover(operator)).summary).toMatchObject({ complete: true, changed: 0 });
    expect(await contentsOf(made.memory)).toEqual(once);
    const theirs = withKeys(made, ['b'], { recoveryKey: OTHER_PAIR.publicKey });
    await runToEnd(addRecoveryWraps(theirs.encryptor), made.clock);
    const changed = await contentsOf(made.memory);
    expect((await recover(operator)).summary).toMatchObject({ complete: true, changed: 0 });
    expect(await contentsOf(made.memory)).toEqual(changed);
  });

  it('opens every DEK in a dry run, and writes nothing: a drill needs no MEK of the product', async () => {
    const { made, operator } = await recoverable();
    await strip(made, 'note-1');
    const before = await contentsOf(made.memory);
    const { events, summary } = await recover(operator, { dryRun: true });
    expect(summary).toMatchObject({ complete: false, wouldChange: 2, recovered: 2, lost: 1 });
    expect(lostIn(events)).toEqual({ 'note-1': 'no-recovery-wrap' });
    expect(events.find(({ type }) => type === 'would-change')).toMatchObject({ recovered: true });
    expect(await contentsOf(made.memory)).toEqual(before);
  });

  it('keeps the wrap that it opened, and the previous one, whatever recovery key there is', async () => {
    const { made, stored } = await recoverable(2);
    await rewrap(withKeys(made, ['c', 'a'], OURS));
    const before = await liveRows(made);
    expect(before[0]?.previousWrap).toMatchObject({ mekVersion: await versionOf('a') });
    const theirs = withKeys(made, ['b'], { recoveryKey: OTHER_PAIR.publicKey });
    expect((await recover(theirs)).summary).toMatchObject({ complete: true, recovered: 2 });
    for (const [index, row] of (await liveRows(made)).entries()) {
      expect(row.recoveryWrap).toEqual(before[index]?.recoveryWrap);
      expect(row.previousWrap).toEqual(before[index]?.previousWrap);
    }
    await expectReadable(made, stored);
    const next = await rewrap(withKeys(made, ['c', 'b'], OURS));
    expect(next.summary).toMatchObject({ complete: true, changed: 2 });
  });

  it('lets writers make DEKs under the new MEK while it goes on', async () => {
    const { made, stored, operator } = await recoverable();
    const options = { privateKey: PAIR.privateKey, target: await targetOf('b'), concurrency: 1 };
    const work = recoverDeks(operator.encryptor, options);
    const seen: string[] = [];
    const added: Loose[] = [];
    for (;;) {
      const [event] = (await pullUntil(work, made.clock, 'changed')).slice(-1);
      seen.push(String(event?.type));
      if (event?.type !== 'changed') break;
      const id = `added-${String(added.length)}`;
      const writer = withKeys(made, ['b'], OURS).encryptor;
      added.push(await encryptAny(writer, { ...KEY, id, body: `of ${id}` }));
    }
    expect(seen).toEqual(['changed', 'changed', 'changed', 'finished']);
    await expectReadable(made, [...stored, ...added]);
    expect((await takeCensus(operator.encryptor)).settled).toBe(true);
  });
});

describe('a row without a recovery wrap that opens', () => {
  it('is rewrapped out of its own wrap, where its MEK version is still there', async () => {
    const { made } = await recoverable(2);
    await strip(made, 'note-0');
    const before = await rowOf(made, 'note-0');
    const { events, summary } = await recover(withKeys(made, ['b', 'a'], OURS));
    expect(summary).toMatchObject({ complete: true, changed: 2, recovered: 1, lost: 0 });
    const own = events.find((event) => event.type === 'changed' && event.dekId === before.id);
    expect(own).toMatchObject({ repaired: false });
    expect(own && 'recovered' in own).toBe(false);
    const row = await rowOf(made, 'note-0');
    expect(row.previousWrap).toMatchObject({ wrappedDek: before.wrappedDek, epoch: 1 });
    expect(dekInRecoveryWrap(row)).toBe(openWrap(row).toString('hex'));
  });

  it('is rewrapped out of its previous wrap, where just that one’s MEK version is still there', async () => {
    const { made, stored } = await recoverable(2);
    await rewrap(withKeys(made, ['c', 'a'], OURS));
    await strip(made, 'note-0');
    const before = await rowOf(made, 'note-0');
    const { events, summary } = await recover(withKeys(made, ['b', 'a'], OURS));
    expect(summary).toMatchObject({ complete: true, recovered: 1, repaired: 1, lost: 0 });
    const own = events.find((event) => event.type === 'changed' && event.dekId === before.id);
    expect(own).toMatchObject({ repaired: true, from: { mekVersion: await versionOf('a') } });
    expect((await rowOf(made, 'note-0')).previousWrap).toEqual(before.previousWrap);
    await expectReadable(made, stored);
  });

  it('is no loss while the MEK of its previous wrap is out of reach, and that of its own is gone', async () => {
    const { made } = await recoverable(2);
    await rewrap(withKeys(made, ['c', 'a'], OURS));
    await strip(made, 'note-0');
    const operator = withKeys(made, ['b', 'a'], OURS);
    const versionA = await versionOf('a');
    operator.provider.before = (method, [wrap]) => {
      if (method !== 'unwrapKey' || (wrap as LiveDekRow).mekVersion !== versionA) return;
      throw new KeyProviderError('KEY_PROVIDER_UNAVAILABLE', 'down', { retryable: true });
    };
    const { events, summary } = await recover(operator);
    expect(summary).toMatchObject({ complete: false, failed: 1, lost: 0, recovered: 1 });
    expect(failures(events)[0]).toMatchObject({ error: { code: 'KEY_PROVIDER_UNAVAILABLE' } });
  });

  it('is not opened from its previous wrap while its own MEK is only out of reach', async () => {
    const { made } = await recoverable(2);
    await rewrap(withKeys(made, ['c', 'a'], OURS));
    await strip(made, 'note-0');
    const before = await rowOf(made, 'note-0');
    const operator = withKeys(made, ['b', 'c', 'a'], OURS);
    const versionC = await versionOf('c');
    operator.provider.before = (method, [wrap]) => {
      if (method !== 'unwrapKey' || (wrap as LiveDekRow).mekVersion !== versionC) return;
      throw new KeyProviderError('KEY_PROVIDER_UNAVAILABLE', 'down', { retryable: true });
    };
    expect((await recover(operator)).summary).toMatchObject({ failed: 1, lost: 0, repaired: 0 });
    expect(await rowOf(made, 'note-0')).toEqual(before);
  });

  it.each([
    ['KEY_PROVIDER_UNAVAILABLE', true],
    ['KEY_PROVIDER_THROTTLED', true],
    ['KEY_PROVIDER_DENIED', false],
    ['MEK_DISABLED', false],
  ] as const)('is no loss while its own MEK answers %s', async (code, retryable) => {
    const { made } = await recoverable(2);
    await strip(made, 'note-0');
    const both = withKeys(made, ['b', 'a'], OURS);
    const versionA = await versionOf('a');
    both.provider.before = (method, [wrap]) => {
      if (method !== 'unwrapKey' || (wrap as LiveDekRow).mekVersion !== versionA) return;
      throw new KeyProviderError(code, 'As the provider said', { retryable });
    };
    const { events, summary } = await recover(both);
    expect(summary).toMatchObject({ complete: false, failed: 1, lost: 0, recovered: 1 });
    expect(failures(events)[0]).toMatchObject({ error: { code, retryable } });
    expect(failures(events).some((event) => 'loss' in event)).toBe(false);
  });
});
