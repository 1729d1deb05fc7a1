import { describe, expect, it } from 'vitest';
import type { KeyWrap, LiveDekRow } from '../../src/adapters.js';
import { KeyProviderError, rollbackRotation } from '../../src/index.js';
import { contentsOf, decryptAny, note, setup, type Setup } from '../support/encryptor.js';
import { describeError, failedRow, failure, tampered } from '../support/failure.js';
import {
  breakPreviousWrap,
  liveRows,
  rotated,
  withoutPreviousWrap,
  wrapOf,
} from '../support/previous-wraps.js';
import {
  alterRow,
  ofType,
  pull,
  rewrap,
  rollBack,
  rows,
  targetOf,
  versionOf,
  withKeys,
  writeNotes,
} from '../support/rotations.js';

describe('before a rollback begins', () => {
  it('a stored wrap has to open, or nothing is written', async () => {
    const [made, operator] = await rotated(3);
    for (const row of await liveRows(made)) await breakPreviousWrap(made, row);
    const contents = await contentsOf(made.memory);
    const [first] = await liveRows(made);
    expect(await failure(rollBack(operator, 'a'))).toEqual(failedRow(first?.id ?? ''));
    expect(await contentsOf(made.memory)).toEqual(contents);
  });

  it('one that does is enough, though others are broken', async () => {
    const [made, operator] = await rotated(8);
    const broken = (await liveRows(made)).slice(0, 7);
    for (const row of broken) await breakPreviousWrap(made, row);
    operator.provider.reset();
    expect((await rollBack(operator, 'a')).summary).toMatchObject({ complete: true, flipped: 8 });
    expect(operator.provider.calls).toEqual({ wrapKey: 1, unwrapKey: 1 + 8 });
  });

  it('eight that are broken are enough, too', async () => {
    const [made, operator] = await rotated(9);
    for (const row of (await liveRows(made)).slice(0, 8)) await breakPreviousWrap(made, row);
    operator.provider.reset();
    expect(await failure(rollBack(operator, 'a'))).toMatchObject({ code: 'TAMPERED' });
    expect(operator.provider.calls).toEqual({ wrapKey: 1, unwrapKey: 1 + 8 });
  });

  it('a provider that refuses ends it at once', async () => {
    const [made, operator] = await rotated(3);
    const contents = await contentsOf(made.memory);
    const off = new KeyProviderError('MEK_DISABLED', 'off');
    operator.provider.before = (method) => {
      if (method === 'unwrapKey' && operator.provider.calls['unwrapKey'] === 2) throw off;
    };
    operator.provider.reset();
    expect(await failure(rollBack(operator, 'a'))).toMatchObject({ code: 'MEK_DISABLED' });
    expect(operator.provider.calls).toEqual({ wrapKey: 1, unwrapKey: 2 });
    expect(await contentsOf(made.memory)).toEqual(contents);
  });

  it('the round trip has to succeed', async () => {
    const [made] = await rotated(1);
    const contents = await contentsOf(made.memory);
    const without = withKeys(made, ['b']);
    expect(await failure(rollBack(without, 'a'))).toMatchObject({ code: 'MEK_VERSION_UNKNOWN' });
    expect(await contentsOf(made.memory)).toEqual(contents);
  });

  it('the record has to name the version, where nothing is left under it', async () => {
    const [made, operator] = await rotated(2);
    for (const { id } of await rows(made)) await withoutPreviousWrap(made, id);
    expect((await rollBack(operator, 'a')).summary).toMatchObject({
      ...{ complete: true, changed: 2, flipped: 0 },
    });
  });

  it('a version that the product was never on is refused', async () => {
    const [made] = await rotated(2);
    const operator = withKeys(made, ['c', 'b', 'a']);
    const contents = await contentsOf(made.memory);
    expect(await failure(rollBack(operator, 'c'))).toEqual({
      name: 'RangeError',
      message: `The product "notelett" was never on env/env/${await versionOf('c')}: no row is under it, and the rotation record does not name it; known are env/env/${await versionOf('b')}, env/env/${await versionOf('a')}; pass "allowUnknown: true", or rotate to it with rewrapAllDeks`,
    });
    expect(await contentsOf(made.memory)).toEqual(contents);
  });

  it('a product without rows has nothing to go back to', async () => {
    const made = setup();
    expect(await failure(rollBack(made, 'a'))).toMatchObject({ code: 'PRODUCT_EMPTY' });
    const allowed = rollBack(made, 'a', { allowEmpty: true });
    expect(await failure(allowed)).toMatchObject({ name: 'RangeError' });
    expect(await made.memory.getRotation('notelett')).toBeUndefined();
  });

  it('rows that cannot be read are passed over, and reported by the scans', async () => {
    const [made, operator] = await rotated(2);
    const [first] = await rows(made);
    await alterRow(made, first?.id ?? '', { schema: 2 });
    const result = await rollBack(operator, 'a');
    expect(result.summary).toMatchObject({ complete: false, flipped: 1, failed: 1 });
  });
});

describe('a kept wrap that is broken', () => {
  async function broken(): Promise<readonly [Setup, Setup, string]> {
    const [made, operator] = await rotated(3);
    const last = (await liveRows(made)).at(-1) as LiveDekRow;
    await breakPreviousWrap(made, last);
    return [made, operator, last.id];
  }

  it('and flipped is repaired by a rewrap, from the wrap that was kept for it', async () => {
    const [made, operator, dekId] = await broken();
    expect((await rollBack(operator, 'a')).summary).toMatchObject({ complete: true, flipped: 3 });
    const result = await rewrap(withKeys(made, ['c', 'b', 'a']));
    expect(result.summary).toMatchObject({ complete: true, changed: 3, repaired: 1 });
    const repaired = ofType(result, 'changed').find((each) => each.repaired);
    expect(repaired).toMatchObject({ dekId, from: { mekVersion: await versionOf('b') } });
  });

  it('and flipped is flipped back by a rollback of the rollback', async () => {
    const [made, operator, dekId] = await broken();
    const good = wrapOf((await made.memory.get(dekId))?.value as LiveDekRow);
    await rollBack(operator, 'a');
    await rollBack(operator, 'b');
    expect(wrapOf((await made.memory.get(dekId))?.value as LiveDekRow)).toEqual(good);
  });

  it('is found by a dry run, which opens what would flip and writes nothing', async () => {
    const [made, operator, dekId] = await broken();
    const contents = await contentsOf(made.memory);
    const result = await rollBack(operator, 'a', { dryRun: true });
    expect(await contentsOf(made.memory)).toEqual(contents);
    expect(result.summary).toMatchObject({ complete: false, wouldChange: 2, failed: 1 });
    for (const event of ofType(result, 'would-change')) expect(event.flipped).toBe(true);
    const [failed] = ofType(result, 'failed');
    expect(failed?.dekId).toBe(dekId);
    expect(describeError(failed?.error)).toEqual(
      tampered(
        `The previous wrap of DEK row ${dekId} failed authentication, and the rollback would restore it: pass "verifyFlips: true" to rewrap such rows`,
      ),
    );
  });

  it('is rewrapped instead with verifyFlips, and a dry run says so', async () => {
    const [made, operator, dekId] = await broken();
    const dry = await rollBack(operator, 'a', { verifyFlips: true, dryRun: true });
    expect(dry.summary).toMatchObject({ wouldChange: 3, failed: 0 });
    operator.provider.reset();
    const result = await rollBack(operator, 'a', { verifyFlips: true });
    expect(result.summary).toMatchObject({ complete: true, changed: 3, flipped: 2, repaired: 0 });
    const rewrapped = ofType(result, 'changed').find(({ flipped }) => !flipped);
    expect(rewrapped).toMatchObject({ dekId, from: { mekVersion: await versionOf('b') } });
    // The round trip and the proof; each kept wrap; the rewrap of one row, verified.
    expect(operator.provider.calls).toEqual({ wrapKey: 1 + 1, unwrapKey: 2 + 3 + 2 });
    const reader = withKeys(made, ['a']);
    const { scope } = (await made.memory.get(dekId))?.value as LiveDekRow;
    const [workspaceId, id] = [scope[1], scope[2]];
    await reader.encryptor.openDocument(note, { workspaceId, id } as never);
  });

  it('is no reason to rewrap while its version is only out of reach', async () => {
    const [made, operator] = await rotated(2);
    const off = new KeyProviderError('KEY_PROVIDER_UNAVAILABLE', 'down');
    const version = await versionOf('a');
    operator.provider.before = (method, [wrap]) => {
      const isProven = (operator.provider.calls['unwrapKey'] ?? 0) > 2;
      if (method === 'unwrapKey' && isProven && (wrap as KeyWrap).mekVersion === version) throw off;
    };
    operator.provider.reset();
    const contents = await rows(made);
    const { summary } = await rollBack(operator, 'a', { verifyFlips: true, verify: 'none' });
    expect(summary).toMatchObject({ complete: false, changed: 0, failed: 2 });
    expect(await rows(made)).toEqual(contents);
  });
});

describe('a row under another key than the one in the cache', () => {
  it('is not flipped, and stays as it is', async () => {
    const made = setup();
    const stored = await writeNotes(made, 2);
    const operator = withKeys(made, ['b', 'a']);
    await rewrap(operator);
    await decryptAny(operator.encryptor, stored[0]);
    const dekId = (stored[0]?.['body'] as { readonly dekId: string }).dekId;
    await alterRow(made, dekId, { commitment: 'A'.repeat(43) });
    const altered = await made.memory.get(dekId);
    const result = await rollBack(operator, 'a');
    expect(result.summary).toMatchObject({ complete: false, flipped: 1, failed: 1 });
    expect(describeError(ofType(result, 'failed')[0]?.error)).toEqual(
      tampered(
        `The commitment of DEK row ${dekId} has changed, and a DEK never changes: restore the row from a backup`,
      ),
    );
    expect(await made.memory.get(dekId)).toEqual(altered);
  });
});

describe('options of a rollback', () => {
  it.each([
    [undefined, 'TypeError', '"options" expected a plain object, got undefined'],
    [{}, 'TypeError', '"target" expected a plain object, got undefined'],
    [{ verifyFlips: 1 }, 'TypeError', '"verifyFlips" expected a boolean, got a number'],
    [
      { sourceVersion: 'env-1' },
      'RangeError',
      '"sourceVersion" is no option: expected target, verify, takeOver, shard, allowUnknown, verifyFlips, concurrency, dryRun, maxFailures, allowEmpty, maxVaultOpsPerSecond, reserveForTraffic, signal',
    ],
    [{ concurrency: 0 }, 'RangeError', '"concurrency" expected an integer from 1 to 1000, got 0'],
  ])('that are invalid are refused before anything happens: %j', async (options, name, message) => {
    const [made, operator] = await rotated(1);
    const hasMore = options !== undefined && Object.keys(options).length > 0;
    const whole = hasMore ? { target: await targetOf('a'), ...options } : options;
    operator.store.reset();
    operator.provider.reset();
    const rolling = rollbackRotation(operator.encryptor, whole as never);
    expect(await failure(pull(rolling, made.clock))).toEqual({ name, message });
    expect(operator.store.calls).toEqual({});
    expect(operator.provider.calls).toEqual({});
  });
});
