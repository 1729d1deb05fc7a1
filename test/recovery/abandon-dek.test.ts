import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  abandonDek,
  findMissingDeks,
  findUnreadableRows,
  takeCensus,
  type DekStore,
} from '../../src/index.js';
import { MemoryDekStore } from '../../src/testing/index.js';
import {
  abandon,
  abandonConfirmed,
  ALTERED,
  BROKEN_WRAP,
  damaged,
  OTHER_COMMITMENT,
  refusalOf,
} from '../support/abandoning.js';
import {
  contentsOf,
  decryptAny,
  encryptAny,
  KEY,
  note,
  PRODUCT,
  type Loose,
} from '../support/encryptor.js';
import { rejection } from '../support/failure.js';
import { alterIn, rowIn } from '../support/importing.js';
import { notes } from '../support/migrations.js';
import { prune } from '../support/pruning.js';
import { RECORD_KEY, RECORD_KEY_ID } from '../support/records.js';
import { alterRow, record, rewrap, versionOf, withKeys } from '../support/rotations.js';
import { runToEnd } from '../support/run-to-end.js';
import { ask } from '../support/retiring.js';

const SCOPE = ['notes', 'ws-1', 'note-0'];
const UNDER_KEY = { recordKey: RECORD_KEY };

describe('abandonDek', () => {
  it('first returns what is stored and its digest, and writes nothing', async () => {
    const { made, dekId, operator } = await damaged(ALTERED);
    const before = await contentsOf(made.memory);
    const found = await abandon(operator, dekId);
    expect(found).toEqual({
      product: PRODUCT,
      dekId,
      damage: 'altered',
      wrapOpens: true,
      scope: SCOPE,
      stored: JSON.stringify(await rowIn(made.memory, dekId)),
      digest: createHash('sha256').update(found.stored).digest('hex'),
      leaves: 'tombstone',
      abandoned: false,
    });
    expect(await contentsOf(made.memory)).toEqual(before);
    expect(operator.store.calls).toEqual({ getRotation: 1, getMany: 2 });
  });

  it('then writes the tombstone, and nothing else', async () => {
    const { made, dekId, operator } = await damaged(ALTERED);
    const first = await abandon(operator, dekId);
    const done = await abandon(operator, dekId, { confirm: first.digest });
    expect(done).toEqual({ ...first, abandoned: true });
    const now = new Date(made.clock.wallMs()).toISOString();
    expect(await rowIn(made.memory, dekId)).toEqual({
      id: dekId,
      scopeId: dekId.slice(0, 32),
      scopeKind: 'document',
      scope: SCOPE,
      type: 'dek',
      schema: 1,
      product: PRODUCT,
      generation: 1,
      state: 'shredded',
      epoch: 1,
      createdAt: now,
      shreddedAt: now,
    });
    expect(operator.store.calls).toMatchObject({ replace: 1 });
    expect(await refusalOf(operator, dekId)).toBe(
      `it was shredded at ${now}, and has a tombstone already`,
    );
  });

  it.each([
    ['altered', { scope: ['other'] }, false],
    ['altered', { wrappedDek: 'A' }, false],
    ['altered', { epoch: 0 }, true],
    ['commitment-mismatch', BROKEN_WRAP, undefined],
    ['commitment-mismatch', OTHER_COMMITMENT, undefined],
  ] as const)('calls a row %s with %j', async (damage, change, wrapOpens) => {
    const definition = { definition: note, key: { ...KEY, id: 'note-0' } };
    const { made, dekId, operator } = await damaged(change);
    const found = await abandon(operator, dekId, definition);
    expect(found).toMatchObject({ damage, scope: SCOPE, leaves: 'tombstone' });
    if ('scope' in change) expect(found.wrapOpens).toBe(true);
    else expect(found.wrapOpens).toBe(wrapOpens);
    await abandon(operator, dekId, { ...definition, confirm: found.digest });
    expect(await rowIn(made.memory, dekId)).toMatchObject({ state: 'shredded', epoch: 1 });
  });

  it('keeps the time when the row was created, and has the epoch of the record', async () => {
    const { made, dekId, operator } = await damaged(BROKEN_WRAP);
    const { createdAt } = (await rowIn(made.memory, dekId)) ?? {};
    made.clock.advance(1_000);
    await rewrap(withKeys(made, ['b', 'a']));
    await abandonConfirmed(operator, dekId);
    const row = await rowIn(made.memory, dekId);
    expect(row).toMatchObject({ createdAt, epoch: 2 });
    expect(row?.['shreddedAt']).not.toBe(createdAt);
  });

  it('never takes the epoch of an altered row: writers would wait for a record as high', async () => {
    const { made, dekId, operator } = await damaged({ ...ALTERED, epoch: 9_000 });
    await abandonConfirmed(operator, dekId);
    expect(await rowIn(made.memory, dekId)).toMatchObject({ epoch: 1 });
    const sealed = await encryptAny(withKeys(made, ['a']).encryptor, {
      ...KEY,
      id: 'note-0',
      body: 'new',
    });
    expect(sealed['body']).toMatchObject({ dekId: `${dekId.slice(0, 32)}.2` });
  });

  it('counts request units', async () => {
    const { made, dekId, operator } = await damaged(ALTERED);
    operator.store.before = (_method, args) => {
      (args.at(-1) as { onRequestCharge?: (units: number) => void }).onRequestCharge?.(1);
    };
    expect((await abandon(operator, dekId)).requestCharge).toBe(3);
    expect(made.memory).toBeDefined();
  });

  it('evicts the DEK from the cache of its process', async () => {
    const { made, stored, dekId } = await damaged({});
    await decryptAny(made.encryptor, stored[0]);
    await alterIn(made.memory, dekId, ALTERED);
    expect(await decryptAny(made.encryptor, stored[0])).toMatchObject({ body: 'of note-0' });
    await abandonConfirmed(made, dekId);
    expect(await rejection(decryptAny(made.encryptor, stored[0]))).toMatchObject({
      code: 'DEK_SHREDDED',
    });
  });

  it('recognises its own tombstone where the answer was lost', async () => {
    const { made, dekId, operator } = await damaged(ALTERED);
    operator.store.after = (method, result) => {
      if (method === 'replace') throw new Error('the answer was lost');
      return result;
    };
    expect(await abandonConfirmed(operator, dekId)).toMatchObject({ abandoned: true });
    expect(await rowIn(made.memory, dekId)).toMatchObject({ state: 'shredded' });
  });
});

describe('what one lost row blocked', () => {
  it('continues: lists, pruning, retirement, and the search for its documents', async () => {
    const { made, stored, dekId } = await damaged({});
    const both = withKeys(made, ['b', 'a']);
    await rewrap(both);
    await alterRow(made, dekId, { ...ALTERED, previousWrap: undefined });
    expect((await prune(both)).summary).toMatchObject({ complete: false, failed: 1 });
    expect(await rejection(ask(both))).toMatchObject({ code: 'MEK_STILL_NEEDED' });

    await abandonConfirmed(both, dekId, {});
    const unreadable = await runToEnd(findUnreadableRows(both.encryptor), made.clock);
    expect(unreadable.summary).toMatchObject({ scanned: 2, unreadable: 0 });
    expect((await prune(both)).summary).toMatchObject({ complete: true, skipped: 1 });
    expect(await ask(both)).toMatchObject({ epoch: 2 });
    expect(await takeCensus(both.encryptor)).toMatchObject({ unreadable: 0, settled: true });
    expect(await missingIn(both.encryptor, stored)).toEqual([`note-0 shredded ${dekId}`]);
    expect(await decryptAny(withKeys(made, ['b']).encryptor, stored[1])).toMatchObject({
      body: 'of note-1',
    });
  });

  it('continues: a rotation that could not move it', async () => {
    const { made, dekId } = await damaged(BROKEN_WRAP);
    const both = withKeys(made, ['b', 'a']);
    expect((await rewrap(both)).summary).toMatchObject({ complete: false, failed: 1 });
    await abandonConfirmed(both, dekId);
    expect((await rewrap(both)).summary).toMatchObject({ complete: true, skipped: 1 });
    expect(await record(made)).toMatchObject({ state: 'complete', epoch: 2 });
  });
});

async function missingIn(
  encryptor: Parameters<typeof findMissingDeks>[0],
  stored: readonly Loose[],
): Promise<readonly string[]> {
  const { memory } = notes();
  for (const each of stored) await memory.create(each);
  const found: string[] = [];
  for await (const event of findMissingDeks(encryptor, note, memory)) {
    if (event.type === 'missing') {
      found.push(`${String(event.key['id'])} ${event.reason} ${event.dekId}`);
    }
  }
  return found;
}

describe('with authenticated records', () => {
  async function lostUnderKey(change: Loose): ReturnType<typeof damaged> {
    const memory = new MemoryDekStore();
    return damaged(change, { memory, dekStore: memory, ...UNDER_KEY });
  }

  it('a false mac is damage, and the tombstone has a true one', async () => {
    const { made, dekId, operator } = await lostUnderKey({ epoch: 2 });
    const found = await abandonConfirmed(operator, dekId);
    expect(found).toMatchObject({ damage: 'false-mac', wrapOpens: true, scope: SCOPE });
    expect(JSON.parse(found.stored)).toMatchObject({ epoch: 2, macKeyId: RECORD_KEY_ID });
    expect(await rowIn(made.memory, dekId)).toMatchObject({
      state: 'shredded',
      macKeyId: RECORD_KEY_ID,
    });
    const unread = await runToEnd(findUnreadableRows(operator.encryptor), made.clock);
    expect(unread.summary).toMatchObject({ unreadable: 0 });
  });

  it('a tombstone with a false mac is written again', async () => {
    const { made, dekId, operator } = await lostUnderKey({});
    await made.encryptor.shred(note, { ...KEY, id: 'note-0' });
    await alterIn(made.memory, dekId, { epoch: 2 });
    expect(await abandonConfirmed(operator, dekId)).toMatchObject({ damage: 'false-mac' });
    const store: DekStore = operator.encryptor.dekStore;
    expect((await store.get(dekId))?.value).toMatchObject({ state: 'shredded', epoch: 1 });
  });

  it('a mac under an unknown key is no proof', async () => {
    const { dekId, operator } = await lostUnderKey({ macKeyId: '0'.repeat(16) });
    expect(await refusalOf(operator, dekId)).toBe(
      'its mac is under a record key that is not configured: add that key to "previousRecordKeys"',
    );
  });

  it('a missing mac is no proof, but a wrap that does not open is', async () => {
    const { made, dekId, operator } = await lostUnderKey({});
    const { mac, macKeyId, ...row } = (await rowIn(made.memory, dekId)) ?? {};
    expect([mac, macKeyId]).toEqual([expect.any(String), RECORD_KEY_ID]);
    const item = await made.memory.get(dekId);
    await made.memory.replace(row as never, item?.etag ?? '');
    expect(await refusalOf(operator, dekId)).toBe(
      'its row has no mac, and opens: run resealRecords where record authentication was turned on recently',
    );
    await alterIn(made.memory, dekId, BROKEN_WRAP);
    expect(await abandonConfirmed(operator, dekId)).toMatchObject({
      damage: 'commitment-mismatch',
    });
  });

  it('a process without the record key cannot judge', async () => {
    const { made, dekId } = await lostUnderKey(BROKEN_WRAP);
    const operator = withKeys(made, ['a'], { dekStore: made.memory });
    expect(await rejection(abandonDek(operator.encryptor, dekId))).toMatchObject({
      code: 'ROW_UNSUPPORTED',
    });
  });
});

it('names a lost MEK version in full', async () => {
  const { made, dekId } = await damaged({});
  const operator = withKeys(made, ['b']);
  const lostMek = { keyProvider: 'env', mekName: 'env', mekVersion: await versionOf('a') };
  expect(await abandonConfirmed(operator, dekId, { lostMek })).toMatchObject({
    damage: 'lost-mek',
    scope: SCOPE,
    abandoned: true,
  });
  expect(await rowIn(made.memory, dekId)).toMatchObject({ state: 'shredded' });
});
