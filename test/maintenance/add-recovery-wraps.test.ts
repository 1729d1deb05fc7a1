import { describe, expect, it } from 'vitest';
import type { LiveDekRow } from '../../src/adapters.js';
import {
  addRecoveryWraps,
  type MaintenanceEvent,
  type RunOptions,
  type MaintenanceSummary,
} from '../../src/index.js';
import { contentsOf, encryptAny, KEY, note, setup, type Setup } from '../support/encryptor.js';
import { failedRow, failure, refused } from '../support/failure.js';
import {
  dekInRecoveryWrap,
  liveRows,
  OTHER_PAIR,
  PAIR,
  without,
} from '../support/recovery-pairs.js';
import { alterRow, rewrap, rows, versionOf, withKeys, writeNotes } from '../support/rotations.js';
import { openWrap } from '../support/rotation/meks.js';
import { runToEnd, type Run } from '../support/run-to-end.js';
import { perLane } from '../support/lane.js';

const OURS = { recoveryKey: PAIR.publicKey };

function addWraps(
  { encryptor, clock }: Setup,
  options: RunOptions = {},
): Promise<Run<MaintenanceEvent, MaintenanceSummary>> {
  return runToEnd(addRecoveryWraps(encryptor, options), clock);
}

/** Three rows without a recovery wrap, one for another key, one for ours, and a tombstone. */
async function mixed(): Promise<{ made: Setup; operator: Setup }> {
  const made = setup();
  await writeNotes(made, 3);
  const theirs = withKeys(made, ['a'], { recoveryKey: OTHER_PAIR.publicKey });
  await encryptAny(theirs.encryptor, { ...KEY, id: 'theirs', body: 'text' });
  const operator = withKeys(made, ['a', 'b'], OURS);
  await encryptAny(operator.encryptor, { ...KEY, id: 'ours', body: 'text' });
  await encryptAny(made.encryptor, { ...KEY, id: 'gone', body: 'text' });
  await made.encryptor.shred(note, { ...KEY, id: 'gone' });
  operator.provider.reset();
  return { made, operator };
}

async function expectAllRecoverable(made: Setup): Promise<void> {
  for (const row of await liveRows(made)) {
    expect(row.recoveryWrap).toMatchObject({ recoveryKeyId: PAIR.id });
    expect(dekInRecoveryWrap(row)).toBe(openWrap(row).toString('hex'));
  }
}

describe('addRecoveryWraps', () => {
  it('fills in what is missing or for another key, and changes nothing else', async () => {
    const { made, operator } = await mixed();
    const before = await rows(made);
    const { events, summary } = await addWraps(operator);
    expect(summary).toEqual({
      run: 'addRecoveryWraps',
      durationMs: 0,
      product: 'notelett',
      dryRun: false,
      complete: true,
      passes: 2,
      failures: {},
      changed: 4,
      scanned: 6,
      unchanged: 5,
      skipped: 1,
      failed: 0,
      wouldChange: 0,
    });
    expect(events.at(-1)).toEqual({ type: 'finished', summary });
    await expectAllRecoverable(made);
    const after = await rows(made);
    expect(after.map((row) => without(row as LiveDekRow, 'recoveryWrap'))).toEqual(
      before.map((row) => without(row as LiveDekRow, 'recoveryWrap')),
    );
    const ours = after.findIndex(({ scope }) => scope.includes('ours'));
    expect(after[ours]).toEqual(before[ours]);
    expect(operator.provider.calls).toEqual({ unwrapKey: 4 });
  });

  it('that is run again writes nothing, and calls no MEK', async () => {
    const { made, operator } = await mixed();
    await addWraps(operator);
    const before = await contentsOf(made.memory);
    operator.provider.reset();
    const { summary } = await addWraps(operator);
    expect(summary).toMatchObject({ complete: true, changed: 0, unchanged: 5, passes: 1 });
    expect(await contentsOf(made.memory)).toEqual(before);
    expect(operator.provider.calls).toEqual({});
  });

  it('in a dry run opens every DEK that it would wrap, and writes nothing', async () => {
    const { made, operator } = await mixed();
    const before = await contentsOf(made.memory);
    const { summary } = await addWraps(operator, { dryRun: true });
    expect(summary).toMatchObject({ complete: false, wouldChange: 4, unchanged: 1, changed: 0 });
    expect(await contentsOf(made.memory)).toEqual(before);
    expect(operator.provider.calls).toEqual({ unwrapKey: 4 });
  });

  it('keeps the epoch, the earlier wrap and the retirement of a row', async () => {
    const { made } = await mixed();
    await rewrap(withKeys(made, ['b', 'a']));
    const [first] = (await liveRows(made)).filter(({ recoveryWrap }) => !recoveryWrap);
    const retiredAt = '2026-11-28T10:00:00.000Z';
    await alterRow(made, first?.id ?? '', { state: 'retired', retiredAt });
    await addWraps(withKeys(made, ['b'], OURS));
    const row = (await liveRows(made)).find(({ id }) => id === first?.id);
    expect(row).toMatchObject({
      state: 'retired',
      retiredAt,
      epoch: 2,
      mekVersion: await versionOf('b'),
    });
    expect(row?.previousWrap).toEqual(first?.previousWrap);
    await expectAllRecoverable(made);
  });

  it('leaves a row alone whose DEK is not what it commits to, and goes on with the others', async () => {
    const { made, operator } = await mixed();
    const [victim, other] = (await liveRows(made)).filter(({ recoveryWrap }) => !recoveryWrap);
    await alterRow(made, victim?.id ?? '', { wrappedDek: other?.wrappedDek });
    const { events, summary } = await addWraps(operator);
    expect(summary).toMatchObject({ complete: false, changed: 3, failed: 1 });
    const failed = events.flatMap((event) => (event.type === 'failed' ? [event] : []));
    expect(failed.map(({ dekId }) => dekId)).toEqual([victim?.id, victim?.id]);
    expect(failed[0]?.error).toMatchObject(failedRow(victim?.id ?? ''));
    const row = (await liveRows(made)).find(({ id }) => id === victim?.id);
    expect(row && 'recoveryWrap' in row).toBe(false);
  });

  it('leaves a row with a mac alone: it would no longer be true', async () => {
    const { made, operator } = await mixed();
    const [victim] = (await liveRows(made)).filter(({ recoveryWrap }) => !recoveryWrap);
    const mac = 'A'.repeat(43);
    await alterRow(made, victim?.id ?? '', { macKeyId: '0123456789abcdef', mac });
    const { events } = await addWraps(operator);
    const failed = events.find((event) => event.type === 'failed');
    expect(failed?.error).toMatchObject(
      refused(
        'ROW_UNSUPPORTED',
        `DEK row ${victim?.id ?? ''} has a mac, and this process has no record key to write it with: pass "recordKey" (FIELD_ENCRYPT_RECORD_KEY) as the other processes do`,
      ),
    );
  });

  it('may run beside a rewrap, which loses no recovery wrap to it', async () => {
    const { made, operator } = await mixed();
    let hasRewrapped = false;
    operator.store.before = async (method) => {
      if (method !== 'replace' || hasRewrapped) return;
      hasRewrapped = true;
      await rewrap(withKeys(made, ['b', 'a']));
    };
    const { summary } = await addWraps(operator);
    expect(hasRewrapped).toBe(true);
    expect(summary).toMatchObject({ complete: true, failed: 0 });
    await expectAllRecoverable(made);
    for (const row of await liveRows(made)) {
      expect(row).toMatchObject({ epoch: 2, mekVersion: await versionOf('b') });
    }
  });

  it('goes on where it stopped, at any call of store or MEK', async () => {
    const whole = await mixed();
    await addWraps(whole.operator);
    const { list = 0, replace = 0 } = whole.operator.store.calls;
    const calls = list + replace + (whole.operator.provider.calls['unwrapKey'] ?? 0);
    expect(calls).toBeGreaterThan(8);
    for (let stop = 1; stop <= calls; stop += perLane(4, 1)) {
      for (const isAnswered of [false, true]) {
        const { made, operator } = await mixed();
        await stopAt(operator, stop, isAnswered);
        const { summary } = await addWraps(withKeys(made, ['a'], OURS));
        expect(summary).toMatchObject({ complete: true, unchanged: 5, failed: 0 });
        await expectAllRecoverable(made);
      }
    }
  });

  it('wipes the DEKs that it unwrapped', async () => {
    const { operator } = await mixed();
    const lent: Uint8Array[] = [];
    operator.provider.after = (method, result) => {
      if (method === 'unwrapKey') lent.push(result as Uint8Array);
      return result;
    };
    await addWraps(operator);
    expect(lent).toHaveLength(4);
    for (const bytes of lent) expect([...bytes].every((byte) => byte === 0)).toBe(true);
  });

  it('needs a recovery key, and known options', async () => {
    const { encryptor } = setup();
    expect(await failure(addRecoveryWraps(encryptor).next())).toEqual({
      name: 'TypeError',
      message: '"recoveryKey" is not set: pass an RSA public key as PEM',
    });
    const options = { target: 'x' } as object;
    const withKey = setup(OURS).encryptor;
    expect(await failure(addRecoveryWraps(withKey, options).next())).toEqual({
      name: 'RangeError',
      message:
        '"target" is no option: expected concurrency, dryRun, maxFailures, allowEmpty, maxVaultOpsPerSecond, reserveForTraffic, signal',
    });
  });
});

/** A process whose calls all fail from some call on, or are executed and never answered. */
async function stopAt(
  { encryptor, store, provider }: Setup,
  stop: number,
  isAnswered: boolean,
): Promise<void> {
  let calls = 0;
  const dies = (method: string): boolean => {
    if (['list', 'replace', 'unwrapKey'].includes(method)) calls += 1;
    return calls >= stop;
  };
  const never = new Error('the process is gone');
  for (const probe of [store, provider]) {
    if (isAnswered) {
      probe.after = (method, result) => {
        if (dies(method)) throw never;
        return result;
      };
    } else {
      probe.before = (method) => {
        if (dies(method)) throw never;
      };
    }
  }
  const work = addRecoveryWraps(encryptor, { concurrency: 1 });
  for (let step = await next(work); step && !step.done; step = await next(work)) {
    if (calls >= stop) break;
  }
  await work.return(undefined as never);
}

async function next<Event>(
  work: AsyncGenerator<Event, unknown, void>,
): Promise<IteratorResult<Event> | undefined> {
  try {
    return (await work.next()) as IteratorResult<Event>;
  } catch {
    return undefined;
  }
}
