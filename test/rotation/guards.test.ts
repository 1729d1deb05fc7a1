/** One test for each guard of the rotation: it fails when that guard is taken out. */
import { describe, expect, it } from 'vitest';
import type { DekRow, LiveDekRow } from '../../src/adapters.js';
import { StoreError, takeCensus } from '../../src/index.js';
import {
  decryptAny,
  encryptAny,
  envelopeAt,
  KEY,
  note,
  setup,
  type Setup,
} from '../support/encryptor.js';
import { rejection } from '../support/failure.js';
import {
  alterRow,
  envKeys,
  ofType,
  pull,
  pullUntil,
  rewrap,
  rows,
  start,
  targetOf,
  versionOf,
  withKeys,
  writeNotes,
} from '../support/rotations.js';

const FENCE_TTL_MS = 30_000;

async function written(count: number): Promise<readonly [Setup, Setup]> {
  const before = setup();
  await writeNotes(before, count);
  return [before, withKeys(before, ['b', 'a'])];
}

async function rowOf(made: Setup, id: string): Promise<LiveDekRow> {
  const found = (await rows(made)).find(({ scope }) => scope.at(-1) === id);
  return found as LiveDekRow;
}

describe('the guard', () => {
  it('of the epoch: a job that slept through a whole later rotation writes nothing', async () => {
    const [before, operator] = await written(4);
    const sleeper = await start(operator, { concurrency: 1 });
    await pullUntil(sleeper, operator.clock, 'changed');
    await rewrap(withKeys(before, ['c', 'b', 'a']), { takeOver: true });
    const contents = await rows(before);
    expect(await rejection(pullUntil(sleeper, operator.clock, 'finished'))).toMatchObject({
      code: 'ROTATION_SUPERSEDED',
    });
    expect(await rows(before)).toEqual(contents);
  });

  it('of the epoch: a takeover between reading a page and writing its rows is seen', async () => {
    const [before, operator] = await written(3);
    await pullUntil(await start(operator), operator.clock, 'pass');
    const rewrapping = await start(operator);
    await pullUntil(rewrapping, operator.clock, 'pass');
    operator.store.after = async (method, result) => {
      if (method !== 'list') return result;
      await (await start(withKeys(before, ['c', 'b', 'a']), { takeOver: true })).next();
      return result;
    };
    const contents = await rows(before);
    expect(await rejection(rewrapping.next())).toMatchObject({ code: 'ROTATION_SUPERSEDED' });
    expect(await rows(before)).toEqual(contents);
    expect(operator.store.calls).not.toHaveProperty('replace');
  });

  it('of the etag: a pass that lost a race is not yet a clean one', async () => {
    const [before, operator] = await written(1);
    operator.store.before = async (method) => {
      if (method !== 'replace') return;
      operator.store.before = () => undefined;
      before.clock.advance(5);
      await rewrap(withKeys(before, ['b', 'a']));
    };
    const { summary } = await rewrap(operator);
    expect(summary).toMatchObject({ complete: true, changed: 0, unchanged: 1, passes: 3 });
  });

  it('of the two clean scans: one in which a row failed is not the first of them', async () => {
    const [before, operator] = await written(1);
    operator.store.before = async (method) => {
      if (method !== 'replace') return;
      operator.store.before = () => undefined;
      await before.encryptor.shred(note, { ...KEY, id: 'note-0' });
      throw new StoreError('STORE_UNAVAILABLE', 'connection reset');
    };
    const rewrapped = await rewrap(operator);
    expect(ofType(rewrapped, 'failed')).toHaveLength(1);
    expect(ofType(rewrapped, 'pass').map(({ purpose }) => purpose)).toEqual([
      'change',
      'change',
      'verify',
    ]);
    expect(rewrapped.summary).toMatchObject({ complete: true, skipped: 1, failed: 0 });
  });

  it('of the two clean scans: where a row fails for good, two of them are enough', async () => {
    const [before, operator] = await written(2);
    const { id } = await rowOf(before, 'note-0');
    await alterRow(before, id, { wrappedDek: 'AAAA' });
    const { summary } = await rewrap(operator);
    expect(summary).toMatchObject({ complete: false, failed: 1, changed: 1, passes: 3 });
  });

  it('of the epoch: a row above the record is left as it is', async () => {
    const [before, operator] = await written(1);
    const { id } = await rowOf(before, 'note-0');
    await alterRow(before, id, { epoch: 3 });
    const [failed] = ofType(await rewrap(operator), 'failed');
    expect(failed).toMatchObject({ error: { code: 'ROTATION_RECORD_BEHIND' } });
    expect(await rowOf(before, 'note-0')).toMatchObject({ epoch: 3 });
  });

  it('of the etag: a row that changed since it was read is not written over', async () => {
    const [before, operator] = await written(1);
    const { id } = await rowOf(before, 'note-0');
    const retired = { state: 'retired', retiredAt: '2026-11-23T10:00:00.000Z' };
    operator.store.before = async (method) => {
      if (method !== 'replace') return;
      operator.store.before = () => undefined;
      await alterRow(before, id, retired);
    };
    const result = await rewrap(operator);
    expect(result.summary).toMatchObject({ complete: true, changed: 1, passes: 3 });
    expect(ofType(result, 'failed')).toEqual([]);
    expect(await rowOf(before, 'note-0')).toMatchObject({
      ...retired,
      mekVersion: await versionOf('b'),
    });
  });

  it('of the etag: an epoch-only move that lost a race is not reported as done', async () => {
    const [before, operator] = await written(1);
    await rewrap(operator);
    const { id } = await rowOf(before, 'note-0');
    await (await start(withKeys(before, ['a', 'b']))).next();
    const retired = { state: 'retired', retiredAt: '2026-11-23T10:00:00.000Z' };
    operator.store.before = async (method) => {
      if (method !== 'replace') return;
      operator.store.before = () => undefined;
      await alterRow(before, id, retired);
    };
    const result = await rewrap(operator, { takeOver: true });
    expect(ofType(result, 'unchanged').filter(({ epochOnly }) => epochOnly)).toHaveLength(1);
    expect(await rowOf(before, 'note-0')).toMatchObject({ ...retired, epoch: 4 });
  });

  it('of the etag: an epoch-only move goes to the row that was read, too', async () => {
    const [before, operator] = await written(1);
    await rewrap(operator);
    await (await start(withKeys(before, ['a', 'b']))).next();
    operator.store.before = async (method) => {
      if (method !== 'replace') return;
      operator.store.before = () => undefined;
      await before.encryptor.shred(note, { ...KEY, id: 'note-0' });
    };
    const { summary } = await rewrap(operator, { takeOver: true });
    expect(summary).toMatchObject({ complete: true, skipped: 1, unchanged: 0 });
    expect(await rows(before)).toMatchObject([{ state: 'shredded' }]);
  });

  it('of the fence: a writer at the end of its patience is still seen', async () => {
    const [before, operator] = await written(2);
    const writer = withKeys(before, ['a', 'b']);
    await writeNotes(writer, 1);
    const untilMs = before.clock.monotonicMs() + FENCE_TTL_MS - 1;
    const rewrapping = await start(operator);
    for (let done = false; !done && before.clock.monotonicMs() < untilMs - 500;) {
      ({ done = false } = await pull(rewrapping, before.clock));
    }
    before.clock.advance(Math.max(0, untilMs - before.clock.monotonicMs()));
    await encryptAny(writer.encryptor, { ...KEY, id: 'late', body: 'text' });
    expect(await rowOf(before, 'late')).toMatchObject({ epoch: 1 });
    while (!(await pull(rewrapping, before.clock)).done);
    expect(await takeCensus(before.encryptor)).toMatchObject({ behind: 0, settled: true });
  });

  it('of the commitment: a wrap that holds another key is not wrapped again', async () => {
    const [before, operator] = await written(2);
    const { id } = await rowOf(before, 'note-0');
    const planted = await envKeys('a').wrapKey(Buffer.alloc(32, 9), await targetOf('a'));
    await alterRow(before, id, { wrappedDek: planted.wrappedDek });
    const [failed] = ofType(await rewrap(operator), 'failed');
    expect(failed).toMatchObject({ dekId: id, error: { code: 'TAMPERED' } });
    expect(await rowOf(before, 'note-0')).toMatchObject({ ...planted, epoch: 1 });
  });

  it('of the commitment: a wrap of another key does not replace a good one', async () => {
    const [before, operator] = await written(3);
    const wrong = await envKeys('b').wrapKey(Buffer.alloc(32, 9), await targetOf('b'));
    const contents = await rows(before);
    const rewrapping = await start(operator);
    await pullUntil(rewrapping, operator.clock, 'pass');
    operator.provider.after = (method, result) => (method === 'wrapKey' ? wrong : result);
    const events = await pullUntil(rewrapping, operator.clock, 'finished');
    for (const failed of ofType({ events }, 'failed')) {
      expect(failed.error).toMatchObject({
        code: 'ADAPTER_CONTRACT',
        message: `The key provider "env" broke rule K4: a key wrapped with env/env/${wrong.mekVersion} was unwrapped to a different key; fix the adapter`,
      });
    }
    expect(events.at(-1)).toMatchObject({ summary: { complete: false, failed: 3 } });
    expect(await rows(before)).toEqual(contents);
  });

  it('of the commitment: a provider that wipes what it is to wrap is found out', async () => {
    const [before, operator] = await written(2);
    const contents = await rows(before);
    const rewrapping = await start(operator);
    await pullUntil(rewrapping, operator.clock, 'pass');
    operator.provider.before = (method, args) => {
      if (method === 'wrapKey') (args[0] as Uint8Array).fill(0);
    };
    const events = await pullUntil(rewrapping, operator.clock, 'finished');
    expect(events.at(-1)).toMatchObject({ summary: { complete: false, failed: 2 } });
    expect(await rows(before)).toEqual(contents);
  });

  it('of the fresh row: no process seals under a row that was read a fence ago', async () => {
    const made = setup();
    const first = await encryptAny(made.encryptor, { ...KEY, body: 'text' });
    const cipher = await made.encryptor.openDocument(note, KEY);
    const { dekId } = envelopeAt(first, 'body');
    await alterRow(made, dekId, { state: 'retired', retiredAt: '2026-11-23T10:00:00.000Z' });
    made.clock.advance(FENCE_TTL_MS);
    const later = await encryptAny(made.encryptor, { ...KEY, body: 'text' });
    expect(envelopeAt(later, 'body').dekId).not.toBe(dekId);
    expect(() => cipher.seal('body', 'text')).toThrow('The document was opened too long ago');
  });

  it('of the scope: an envelope of another document is refused before any lookup', async () => {
    const made = setup();
    const [one, other] = await writeNotes(made, 2);
    const reader = setup({ beside: made });
    const forged = { ...one, body: other?.['body'] };
    expect(await rejection(decryptAny(reader.encryptor, forged))).toMatchObject({
      code: 'TAMPERED',
    });
    expect(reader.store.calls).toEqual({});
  });

  it('of the tombstone: what was shredded is not written again, by whatever target', async () => {
    const [before, operator] = await written(2);
    await before.encryptor.shred(note, { ...KEY, id: 'note-0' });
    const isTombstone = ({ state }: DekRow): boolean => state === 'shredded';
    const [tombstone] = (await rows(before)).filter(isTombstone);
    const { summary } = await rewrap(operator);
    expect(summary).toMatchObject({ complete: true, changed: 1, unchanged: 1, skipped: 1 });
    expect((await rows(before)).filter(isTombstone)).toEqual([tombstone]);
  });

  it('of the tombstone: a shred between read and write wins', async () => {
    const [before, operator] = await written(1);
    operator.store.before = async (method) => {
      if (method !== 'replace') return;
      operator.store.before = () => undefined;
      await before.encryptor.shred(note, { ...KEY, id: 'note-0' });
    };
    const { summary } = await rewrap(operator);
    expect(summary).toMatchObject({ complete: true, changed: 0, skipped: 1 });
    expect(await rows(before)).toMatchObject([{ state: 'shredded', epoch: 1 }]);
  });
});
