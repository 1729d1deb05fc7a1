import { describe, expect, it } from 'vitest';
import type { DekRow, LiveDekRow } from '../../src/adapters.js';
import { mekIn } from '../../src/format/dek-row.js';
import { KeyProviderError, takeCensus } from '../../src/index.js';
import { decryptAny, KEY, note, setup, type Setup } from '../support/encryptor.js';
import { describeError, failedRow } from '../support/failure.js';
import {
  alterRecord,
  alterRow,
  envKeys,
  ofType,
  record,
  rewrap,
  rows,
  targetOf,
  versionOf,
  withKeys,
  writeNotes,
} from '../support/rotations.js';

const OTHER_COMMITMENT = Buffer.alloc(32, 1).toString('base64url');
const MAC = { macKeyId: '0'.repeat(16), mac: OTHER_COMMITMENT };

async function written(): Promise<readonly [Setup, Setup, LiveDekRow]> {
  const before = setup();
  await writeNotes(before, 4);
  const [, row] = await rows(before);
  return [before, withKeys(before, ['b', 'a']), row as LiveDekRow];
}

const BAD_ROWS: readonly (readonly [
  what: string,
  change: (row: LiveDekRow) => Readonly<Record<string, unknown>>,
  code: string,
])[] = [
  ['another commitment', () => ({ commitment: OTHER_COMMITMENT }), 'TAMPERED'],
  ['a wrap of another key', () => ({ wrappedDek: 'A'.repeat(54) }), 'TAMPERED'],
  ['a wrap of an impossible length', () => ({ wrappedDek: 'AAAA' }), 'TAMPERED'],
  ['another generation', () => ({ generation: 7 }), 'TAMPERED'],
  ['another scope', () => ({ scope: ['notes', 'ws-2', 'n'] }), 'TAMPERED'],
  ['an epoch that is no number', () => ({ epoch: '1' }), 'TAMPERED'],
  ['a later schema', () => ({ schema: 2 }), 'ROW_UNSUPPORTED'],
  ['an unknown state', () => ({ state: 'paused' }), 'ROW_UNSUPPORTED'],
  ['an unknown type', () => ({ type: 'kek' }), 'ROW_UNSUPPORTED'],
  ['an unknown property', () => ({ color: 'red' }), 'ROW_UNSUPPORTED'],
  ['a mac, which cannot be renewed without the record key', () => MAC, 'ROW_UNSUPPORTED'],
  ['a provider that is not here', () => ({ keyProvider: 'akv' }), 'KEY_PROVIDER_NOT_CONFIGURED'],
  ['a MEK version that is not here', () => ({ mekVersion: 'env-0' }), 'MEK_VERSION_UNKNOWN'],
  ['an epoch above the record', () => ({ epoch: 9 }), 'ROTATION_RECORD_BEHIND'],
];

/** Of a whole version, which a rotation has to leave. */
const OF_A_VERSION = ['KEY_PROVIDER_NOT_CONFIGURED', 'MEK_VERSION_UNKNOWN'];

describe('one bad row', () => {
  it.each(BAD_ROWS)('with %s is an event, and not the end', async (_what, change, code) => {
    const [before, operator, row] = await written();
    await alterRow(before, row.id, change(row));
    const altered = await before.memory.get(row.id);
    const lost = OF_A_VERSION.includes(code) ? [mekIn(altered?.value as LiveDekRow)] : [];
    const result = await rewrap(operator, { withoutOpening: lost });
    expect(result.summary).toMatchObject({
      complete: false,
      changed: 3,
      unchanged: 3,
      failed: 1,
      scanned: 4,
    });
    const failed = ofType(result, 'failed');
    expect(failed).toHaveLength(3);
    for (const event of failed) expect(event).toMatchObject({ dekId: row.id, error: { code } });
    expect(await before.memory.get(row.id)).toEqual(altered);
    expect(await record(before)).toMatchObject({ state: 'rewrapping' });
  });

  it('without a valid id is named as such', async () => {
    const [before, operator, row] = await written();
    const { value, etag } = (await before.memory.get(row.id)) ?? {};
    operator.store.after = (method, result) => {
      if (method !== 'list') return result;
      return { items: [{ value: { ...(value as DekRow), id: 'x/../y' }, etag }] };
    };
    const result = await rewrap(operator);
    expect(result.summary).toMatchObject({ complete: false, failed: 1, scanned: 1 });
    const [failed] = ofType(result, 'failed');
    expect(failed).toMatchObject({ dekId: '(without a valid id)', error: { code: 'TAMPERED' } });
  });

  it('that a store cannot decode is named, and not skipped', async () => {
    const [, operator, row] = await written();
    const error = new KeyProviderError('WRAP_REJECTED', 'stands for any', { dekId: row.id });
    operator.store.after = (method, result) =>
      method === 'list' ? { items: [{ value: undefined, etag: 'e', error }] } : result;
    const result = await rewrap(operator);
    expect(result.summary).toMatchObject({ complete: false, failed: 1 });
    expect(ofType(result, 'failed')[0]).toMatchObject({ dekId: row.id, error });
  });

  it('of another product is refused', async () => {
    const [, operator] = await written();
    const other = setup({ product: 'other' });
    await writeNotes(other, 1);
    const [foreign] = (await other.memory.list({ product: 'other' })).items;
    operator.store.after = (method, result) => (method === 'list' ? { items: [foreign] } : result);
    const result = await rewrap(operator);
    expect(result.summary).toMatchObject({ complete: false, failed: 1 });
  });

  it('is taken again by the next run, once it was repaired', async () => {
    const [before, operator, row] = await written();
    await alterRow(before, row.id, { commitment: OTHER_COMMITMENT });
    await rewrap(operator);
    await alterRow(before, row.id, { commitment: row.commitment });
    const { summary, events } = await rewrap(operator);
    expect(summary).toMatchObject({
      complete: true,
      changed: 1,
      unchanged: 4,
      failed: 0,
      epoch: 2,
    });
    expect(ofType({ events }, 'fence')).toEqual([]);
  });
});

describe('a primary wrap that is broken', () => {
  async function broken(): Promise<readonly [Setup, Setup, string]> {
    const [before, operator, row] = await written();
    await rewrap(operator);
    const wrong = await envKeys('b').wrapKey(Buffer.alloc(32, 3), await targetOf('b'));
    await alterRow(before, row.id, { wrappedDek: wrong.wrappedDek });
    return [before, withKeys(before, ['c', 'b', 'a']), row.id];
  }

  it('is repaired from the wrap before it, and reported', async () => {
    const [before, operator, dekId] = await broken();
    const [good] = (await rows(before)).filter(({ id }) => id === dekId) as LiveDekRow[];
    const result = await rewrap(operator);
    expect(result.summary).toMatchObject({ complete: true, changed: 4, repaired: 1 });
    const event = ofType(result, 'changed').find((each) => each.dekId === dekId);
    expect(event).toMatchObject({ repaired: true, from: { mekVersion: await versionOf('a') } });
    const row = (await before.memory.get(dekId))?.value as LiveDekRow;
    expect(row.previousWrap).toEqual(good?.previousWrap);
    const { encryptor } = withKeys(before, ['c']);
    const [scope] = [row.scope.at(-1)];
    const cipher = await encryptor.openDocument(note, { ...KEY, id: String(scope) });
    expect(cipher).toBeDefined();
  });

  it('is not repaired while its own version is only switched off', async () => {
    const [, operator, dekId] = await broken();
    const off = new KeyProviderError('MEK_DISABLED', 'off');
    const version = await versionOf('b');
    operator.provider.before = (method, args) => {
      if (method === 'unwrapKey' && (args[0] as LiveDekRow).mekVersion === version) throw off;
    };
    const result = await rewrap(operator, { withoutOpening: [{ mekVersion: version }] });
    expect(result.summary).toMatchObject({ complete: false, changed: 0, repaired: 0, failed: 4 });
    expect(ofType(result, 'failed').map(({ dekId: id }) => id)).toContain(dekId);
  });

  it('is a failure when the wrap before it does not open either', async () => {
    const [before, operator, dekId] = await broken();
    const row = (await before.memory.get(dekId))?.value as LiveDekRow;
    const previousWrap = { ...row.previousWrap, wrappedDek: 'A'.repeat(54) };
    await alterRow(before, dekId, { previousWrap });
    const [failed] = ofType(await rewrap(operator), 'failed');
    expect(describeError(failed?.error)).toEqual(failedRow(dekId));
  });
});

describe('a row under another key than the one in the cache', () => {
  it('is reported before it is written: a DEK never changes', async () => {
    const [before, , row] = await written();
    const operator = withKeys(before, ['b', 'a']);
    const id = String(row.scope.at(-1));
    const stored = await before.encryptor.encryptDocument(note, { ...KEY, id, body: 'text' });
    await decryptAny(operator.encryptor, stored);
    const replaced = setup();
    await replaced.encryptor.encryptDocument(note, { ...KEY, id, body: 'text' });
    const [other] = (await rows(replaced)) as LiveDekRow[];
    await alterRow(before, row.id, {
      wrappedDek: other?.wrappedDek,
      commitment: other?.commitment,
    });
    const planted = await before.memory.get(row.id);
    const result = await rewrap(operator);
    const failed = ofType(result, 'failed');
    expect(failed).toHaveLength(3);
    for (const { error } of failed) {
      expect(describeError(error)).toEqual({
        name: 'TamperedError',
        code: 'TAMPERED',
        message: `The commitment of DEK row ${row.id} has changed, and a DEK never changes: restore the row from a backup`,
      });
    }
    expect(result.summary).toMatchObject({ complete: false, failed: 1 });
    expect(await before.memory.get(row.id)).toEqual(planted);
  });
});

describe('the rotation record', () => {
  it('with a mac is not rewritten', async () => {
    const [before, operator] = await written();
    await alterRecord(before, MAC);
    await expect(rewrap(operator)).rejects.toMatchObject({
      code: 'ROW_UNSUPPORTED',
      message:
        'The rotation record of "notelett" has a mac, and this process has no record key to write it with: pass "recordKey" (FIELD_ENCRYPT_RECORD_KEY) as the other processes do',
    });
  });

  it('at the last possible epoch is not raised beyond it', async () => {
    const [before, operator] = await written();
    await alterRecord(before, { epoch: Number.MAX_SAFE_INTEGER });
    await expect(rewrap(operator)).rejects.toMatchObject({
      code: 'TAMPERED',
      message: 'The rotation record was altered (epoch): restore it from a backup',
    });
    expect(await record(before)).toMatchObject({ epoch: Number.MAX_SAFE_INTEGER });
  });

  it('that is lost while there are rows stops everything', async () => {
    const [before, operator] = await written();
    operator.store.after = (method, result) => (method === 'getRotation' ? undefined : result);
    for (const dryRun of [false, true]) {
      await expect(rewrap(operator, { dryRun })).rejects.toMatchObject({
        code: 'ROTATION_RECORD_MISSING',
      });
    }
    expect(await record(before)).toMatchObject({ epoch: 1 });
  });

  it('of a product without any row is made, and names the target', async () => {
    const operator = withKeys(setup(), ['b', 'a'], { fenceTtlMs: 5_000 });
    const { summary } = await rewrap(operator, { dryRun: true, allowEmpty: true });
    expect(summary).toMatchObject({ epoch: 1, scanned: 0, complete: false });
    expect(await operator.memory.getRotation('notelett')).toBeUndefined();
    const made = await rewrap(operator, { allowEmpty: true });
    expect(made.summary).toMatchObject({ epoch: 1, complete: true, changed: 0 });
    expect(await record(operator)).toMatchObject({
      epoch: 1,
      state: 'complete',
      mekVersion: await versionOf('b'),
      fenceTtlMs: 5_000,
    });
    const writer = withKeys(operator, ['a', 'b']);
    await writeNotes(writer, 1);
    expect(await rows(writer)).toMatchObject([{ mekVersion: await versionOf('b'), epoch: 1 }]);
    expect((await takeCensus(writer.encryptor)).settled).toBe(true);
  });
});
