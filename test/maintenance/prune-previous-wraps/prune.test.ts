import { describe, expect, it } from 'vitest';
import type { LiveDekRow } from '../../../src/adapters.js';
import { KeyProviderError, takeCensus } from '../../../src/index.js';
import {
  contentsOf,
  decryptAny,
  encryptAny,
  KEY,
  note,
  PRODUCT,
  setup,
  type Setup,
} from '../../support/encryptor.js';
import { alteredRow, describeError, failedRow, refused, tampered } from '../../support/failure.js';
import { breakPreviousWrap, liveRows, rotated } from '../../support/previous-wraps.js';
import {
  alterRow,
  envKeys,
  rewrap,
  rollBack,
  rows,
  targetOf,
  versionOf,
  withKeys,
  writeNotes,
} from '../../support/rotations.js';
import { prune, upkeepOfType } from '../../support/pruning.js';

function withoutPreviousWrap({ previousWrap, ...row }: LiveDekRow): unknown {
  expect(previousWrap).toBeDefined();
  return row;
}

async function breakPrimary(made: Setup, { id }: LiveDekRow): Promise<void> {
  const wrong = await envKeys('b').wrapKey(Buffer.alloc(32, 3), await targetOf('b'));
  await alterRow(made, id, { wrappedDek: wrong.wrappedDek });
}

describe('pruning', () => {
  it('takes the previous wrap out of each row, and nothing else', async () => {
    const [made, operator] = await rotated(3);
    const before = await liveRows(made);
    const result = await prune(operator);
    expect(await rows(made)).toEqual(before.map(withoutPreviousWrap));
    expect(result.events.map(({ type }) => type)).toEqual([
      'begun',
      ...['pass', 'changed', 'changed', 'changed', 'passed'],
      ...['pass', 'unchanged', 'unchanged', 'unchanged', 'passed'],
      'finished',
    ]);
    expect(result.summary).toEqual({
      ...{
        run: 'prunePreviousWraps',
        durationMs: 0,
        product: PRODUCT,
        dryRun: false,
        complete: true,
        passes: 2,
        failures: {},
      },
      ...{ changed: 3, scanned: 3, unchanged: 3, skipped: 0, failed: 0, wouldChange: 0 },
    });
    expect(result.events.at(-1)).toEqual({ type: 'finished', summary: result.summary });
    const { wraps } = await takeCensus(made.encryptor);
    expect(wraps).toMatchObject([{ mekVersion: await versionOf('b'), previousWraps: 0 }]);
  });

  it('leaves the epoch of a row that is below it, and so the rotation with something to do', async () => {
    const [made, operator] = await rotated(3);
    const [row] = await liveRows(made);
    await alterRow(made, row?.id ?? '', { epoch: 1 });
    expect((await prune(operator)).summary).toMatchObject({ complete: true, changed: 3 });
    expect((await rows(made)).map(({ epoch }) => epoch)).toEqual([1, 2, 2]);
    expect(await takeCensus(made.encryptor)).toMatchObject({ settled: false, behind: 1 });
  });

  it('unwraps each primary wrap first, once', async () => {
    const [, operator] = await rotated(4);
    operator.provider.reset();
    await prune(operator);
    expect(operator.provider.calls).toEqual({ unwrapKey: 4 });
  });

  it('that is finished writes nothing when it is run again', async () => {
    const [made, operator] = await rotated(3);
    await prune(operator);
    const contents = await contentsOf(made.memory);
    operator.provider.reset();
    const { summary } = await prune(operator);
    expect(summary).toMatchObject({ complete: true, changed: 0, unchanged: 3, passes: 1 });
    expect(await contentsOf(made.memory)).toEqual(contents);
    expect(operator.provider.calls).toEqual({});
  });

  it('leaves tombstones and retired rows as they are to be', async () => {
    const [made, operator] = await rotated(3);
    const [first] = await liveRows(made);
    await alterRow(made, first?.id ?? '', {
      ...{ state: 'retired', retiredAt: '2026-11-23T10:00:00.000Z' },
    });
    const last = (await liveRows(made)).at(-1);
    await made.encryptor.shred(note, { ...KEY, id: String(last?.scope.at(-1)) });
    const { summary } = await prune(operator);
    expect(summary).toMatchObject({ complete: true, changed: 2, unchanged: 2, skipped: 1 });
    expect((await rows(made)).map(({ state }) => state)).toEqual(['retired', 'active', 'shredded']);
  });

  it('writes nothing in a dry run, having unwrapped every row that it would prune', async () => {
    const [made, operator] = await rotated(3);
    const contents = await contentsOf(made.memory);
    operator.provider.reset();
    const { summary } = await prune(operator, { dryRun: true });
    expect(summary).toMatchObject({ complete: false, dryRun: true, wouldChange: 3, changed: 0 });
    expect(operator.provider.calls).toEqual({ unwrapKey: 3 });
    expect(await contentsOf(made.memory)).toEqual(contents);
  });

  it('leaves documents readable, and a rollback that rewraps', async () => {
    const made = setup();
    const stored = await writeNotes(made, 2);
    const operator = withKeys(made, ['b', 'a']);
    await rewrap(operator);
    await prune(operator);
    const reader = withKeys(made, ['b']);
    for (const each of stored) await decryptAny(reader.encryptor, each);
    expect((await rollBack(operator, 'a')).summary).toMatchObject({ changed: 2, flipped: 0 });
  });

  it('of a product without rows or record has nothing to do', async () => {
    const { summary } = await prune(setup(), { allowEmpty: true });
    expect(summary).toMatchObject({ complete: true, scanned: 0 });
  });
});

describe('the soak', () => {
  it('keeps wraps that were displaced at the moment or after it', async () => {
    const [made, operator] = await rotated(2);
    const { rewrappedAt = '' } = (await liveRows(made))[0] ?? {};
    const contents = await contentsOf(made.memory);
    const result = await prune(operator, { rewrappedBefore: rewrappedAt });
    expect(result.summary).toMatchObject({ complete: true, changed: 0, skipped: 2 });
    expect(upkeepOfType(result, 'skipped').map(({ reason }) => reason)).toEqual([
      'not-selected',
      'not-selected',
    ]);
    expect(await contentsOf(made.memory)).toEqual(contents);
    const justAfter = new Date(Date.parse(rewrappedAt) + 1);
    const { summary } = await prune(operator, { rewrappedBefore: justAfter });
    expect(summary).toMatchObject({ complete: true, changed: 2 });
  });

  it('starts anew for a row that flipped back', async () => {
    const [, operator] = await rotated(2);
    operator.clock.advance(60_000);
    const rewrappedBefore = new Date(operator.clock.wallMs());
    await rollBack(operator, 'a');
    const { summary } = await prune(operator, { rewrappedBefore });
    expect(summary).toMatchObject({ changed: 0, skipped: 2 });
  });

  it('is not over for a row that does not say since when, or says one to come', async () => {
    const [made, operator] = await rotated(2);
    const [one, other] = await liveRows(made);
    await alterRow(made, one?.id ?? '', { rewrappedAt: '2999-01-01T00:00:00.000Z' });
    const item = await made.memory.get(other?.id ?? '');
    const { rewrappedAt, ...row } = item?.value as LiveDekRow;
    expect(rewrappedAt).toBeDefined();
    await made.memory.replace(row, item?.etag ?? '');
    expect((await prune(operator)).summary).toMatchObject({ changed: 0, skipped: 2 });
  });

  it('may be asked for the wraps of one MEK version alone', async () => {
    const [made, operator] = await rotated(2);
    const c = withKeys(made, ['c', 'b', 'a']);
    await rewrap(c);
    expect((await prune(c, { mek: await targetOf('a') })).summary).toMatchObject({ skipped: 2 });
    const elsewhere = { ...(await targetOf('b')), keyProvider: 'other', mekName: 'env' };
    expect((await prune(c, { mek: elsewhere, allowUnknown: true })).summary).toMatchObject({
      skipped: 2,
    });
    const { summary } = await prune(c, { mek: await targetOf('b') });
    expect(summary).toMatchObject({ changed: 2, complete: true });
    expect(operator.clock).toBe(c.clock);
  });
});

describe('a row that must keep its previous wrap', () => {
  it('is one whose primary wrap is broken, and a rewrap repairs it from there', async () => {
    const [made, operator] = await rotated(3);
    const [first] = await liveRows(made);
    await breakPrimary(made, first as LiveDekRow);
    const result = await prune(operator);
    expect(result.summary).toMatchObject({ complete: false, changed: 2, failed: 1, unchanged: 2 });
    const failed = upkeepOfType(result, 'failed');
    expect(failed.map(({ dekId }) => dekId)).toEqual([first?.id, first?.id]);
    expect(describeError(failed[0]?.error)).toEqual(failedRow(first?.id ?? ''));
    expect((await liveRows(made))[0]?.previousWrap).toEqual(first?.previousWrap);
    const { summary } = await rewrap(withKeys(made, ['c', 'b', 'a']));
    expect(summary).toMatchObject({ complete: true, changed: 3, repaired: 1 });
  });

  it('is not one whose previous wrap is broken', async () => {
    const [made, operator] = await rotated(1);
    const [first] = await liveRows(made);
    await breakPreviousWrap(made, first as LiveDekRow);
    expect((await prune(operator)).summary).toMatchObject({ complete: true, changed: 1 });
  });

  it('is one whose MEK does not answer', async () => {
    const [made, operator] = await rotated(2);
    const contents = await contentsOf(made.memory);
    operator.provider.before = () => {
      throw new KeyProviderError('MEK_DISABLED', 'off');
    };
    expect((await prune(operator)).summary).toMatchObject({ complete: false, failed: 2 });
    expect(await contentsOf(made.memory)).toEqual(contents);
  });

  it('is one that commits to another key than the one in the cache', async () => {
    const [made, operator] = await rotated(1);
    const stored = await encryptAny(operator.encryptor, { ...KEY, id: 'note-0', body: 'text' });
    await decryptAny(operator.encryptor, stored);
    const replaced = setup();
    await encryptAny(replaced.encryptor, { ...KEY, id: 'note-0', body: 'text' });
    const [planted] = await liveRows(withKeys(replaced, ['a']));
    const [first] = await liveRows(made);
    const { wrappedDek, mekVersion, commitment } = planted as LiveDekRow;
    await alterRow(made, first?.id ?? '', { wrappedDek, mekVersion, commitment });
    const result = await prune(operator);
    expect(describeError(upkeepOfType(result, 'failed')[0]?.error)).toEqual(
      tampered(
        `The commitment of DEK row ${first?.id ?? ''} has changed, and a DEK never changes: restore the row from a backup`,
      ),
    );
    expect((await liveRows(made))[0]?.previousWrap).toEqual(first?.previousWrap);
  });

  it('is one above the record’s epoch', async () => {
    const [made, operator] = await rotated(1);
    const [first] = await liveRows(made);
    await alterRow(made, first?.id ?? '', { epoch: 7 });
    const result = await prune(operator);
    expect(describeError(upkeepOfType(result, 'failed')[0]?.error)).toEqual(
      refused(
        'ROTATION_RECORD_BEHIND',
        `DEK row ${first?.id ?? ''} has the epoch 7, above the rotation record's 2: restore the newest rotation record, or the row if only the row was altered`,
      ),
    );
  });

  it('is one with a mac, which would not be true any more', async () => {
    const [made, operator] = await rotated(1);
    const [first] = await liveRows(made);
    await alterRow(made, first?.id ?? '', { macKeyId: '0'.repeat(16), mac: 'A'.repeat(43) });
    const result = await prune(operator);
    expect(describeError(upkeepOfType(result, 'failed')[0]?.error)).toMatchObject({
      code: 'ROW_UNSUPPORTED',
    });
    expect((await liveRows(made))[0]?.previousWrap).toBeDefined();
  });

  it('is one that cannot be read', async () => {
    const [made, operator] = await rotated(2);
    const [first] = await liveRows(made);
    await alterRow(made, first?.id ?? '', { generation: 7 });
    const result = await prune(operator);
    expect(result.summary).toMatchObject({ complete: false, changed: 1, failed: 1 });
    const { error } = upkeepOfType(result, 'failed')[0] ?? {};
    expect(describeError(error)).toEqual(alteredRow(first?.id ?? '', 'generation'));
  });
});
