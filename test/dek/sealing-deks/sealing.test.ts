import { describe, expect, it } from 'vitest';
import type { ActiveDekRow, DekRow, RotationRecord } from '../../../src/adapters.js';
import { EnvKeyProvider, StoreError, type Envelope } from '../../../src/index.js';
import {
  decryptAny,
  encryptAny,
  KEY,
  MEK_HEX,
  MEK_VERSION,
  note,
  OTHER_MEK_HEX,
  PRODUCT,
  sealed,
  setup,
  type Setup,
} from '../../support/encryptor.js';
import { deferred, turn } from '../../support/deferred.js';
import { rejection } from '../../support/failure.js';
import { alterRecord } from '../../support/rotations.js';

const FENCE_TTL_MS = 30_000;
const OTHER_VERSION = 'env-c87645eed57bef29';
const SCOPE = '6ba93ee4f21c83cde16a191438027014';

async function rowOf({ memory }: Setup, { dekId }: Envelope): Promise<ActiveDekRow> {
  return (await memory.get(dekId))?.value as ActiveDekRow;
}

/** What a rotation's first write does: another version, a higher epoch. */
async function raiseRecord({ memory }: Setup): Promise<void> {
  const item = await memory.getRotation(PRODUCT);
  const record = item?.value as RotationRecord;
  const raised = { epoch: record.epoch + 1, mekVersion: OTHER_VERSION };
  await memory.replaceRotation({ ...record, ...raised, state: 'fencing' }, item?.etag as string);
}

function bothKeys(): EnvKeyProvider[] {
  return [new EnvKeyProvider({ key: MEK_HEX, previousKeys: [OTHER_MEK_HEX] })];
}

describe('a new DEK', () => {
  it('is wrapped by the MEK that the rotation record names, not by the current one', async () => {
    const made = setup();
    await sealed(made.encryptor, 'text');
    const keyProviders = [new EnvKeyProvider({ key: OTHER_MEK_HEX, previousKeys: [MEK_HEX] })];
    const other = setup({ beside: made, keyProviders });
    const stored = await encryptAny(other.encryptor, { ...KEY, id: 'note-2', body: 'text' });
    expect(stored['body']).toMatchObject({ mekVersion: MEK_VERSION });
    expect(await rowOf(made, stored['body'] as Envelope)).toMatchObject({
      mekVersion: MEK_VERSION,
      epoch: 1,
    });
  });

  it("is wrapped by the record's new MEK one fence TTL after that was raised", async () => {
    const made = setup({ keyProviders: bothKeys() });
    await sealed(made.encryptor, 'text');
    await raiseRecord(made);
    made.clock.advance(FENCE_TTL_MS - 1);
    const before = await encryptAny(made.encryptor, { ...KEY, id: 'before', body: 'text' });
    made.clock.advance(1);
    const after = await encryptAny(made.encryptor, { ...KEY, id: 'after', body: 'text' });
    expect(await rowOf(made, before['body'] as Envelope)).toMatchObject({ epoch: 1 });
    expect(await rowOf(made, after['body'] as Envelope)).toMatchObject({
      epoch: 2,
      mekVersion: OTHER_VERSION,
    });
  });

  it('is not created under a record that grew old while it was wrapped', async () => {
    const made = setup({ keyProviders: bothKeys() });
    await encryptAny(made.encryptor, { ...KEY, id: 'first', body: 'text' });
    let slow = true;
    made.provider.before = async (method) => {
      if (method !== 'wrapKey' || !slow) return;
      slow = false;
      await raiseRecord(made);
      made.clock.advance(FENCE_TTL_MS);
    };
    made.provider.reset();
    made.store.reset();
    const body = await sealed(made.encryptor, 'text');
    expect(await rowOf(made, body)).toMatchObject({ epoch: 2, mekVersion: OTHER_VERSION });
    expect(made.provider.calls).toEqual({ wrapKey: 2 });
    expect(made.store.calls['create']).toBe(1);
  });

  it('that another creator was faster with is adopted', async () => {
    const made = setup();
    await encryptAny(made.encryptor, { ...KEY, id: 'first', body: 'text' });
    const other = setup({ beside: made });
    other.store.before = async (method) => {
      if (method !== 'create') return;
      other.store.before = () => undefined;
      await sealed(made.encryptor, 'theirs');
    };
    const body = await sealed(other.encryptor, 'mine');
    expect(await decryptAny(made.encryptor, { ...KEY, body })).toEqual({ ...KEY, body: 'mine' });
    expect((await made.memory.listScope(SCOPE)).length).toBe(1);
    expect(other.provider.calls).toEqual({ wrapKey: 1, unwrapKey: 1 });
  });

  it('that was created and shredded meanwhile is followed by the next', async () => {
    const made = setup();
    await encryptAny(made.encryptor, { ...KEY, id: 'first', body: 'text' });
    const other = setup({ beside: made });
    other.store.before = async (method) => {
      if (method !== 'create') return;
      other.store.before = () => undefined;
      await sealed(made.encryptor, 'theirs');
      await made.encryptor.shred(note, KEY);
    };
    expect((await sealed(other.encryptor, 'mine')).dekId).toBe(`${SCOPE}.2`);
  });
});

describe('sealing', () => {
  it('names the MEK version of the row as it was last read', async () => {
    const made = setup({ keyProviders: bothKeys() });
    const { dekId } = await sealed(made.encryptor, 'text');
    const item = await made.memory.get(dekId);
    const row = item?.value as DekRow & ActiveDekRow;
    const bytes = await made.keyProvider.unwrapKey(row);
    const wrap = await made.keyProvider.wrapKey(bytes, { mekVersion: OTHER_VERSION });
    await alterRecord(made, { epoch: 2, mekVersion: OTHER_VERSION });
    await made.memory.replace({ ...row, ...wrap, epoch: 2 }, item?.etag as string);
    made.provider.reset();
    expect(await sealed(made.encryptor, 'text')).toMatchObject({ mekVersion: MEK_VERSION });
    made.clock.advance(FENCE_TTL_MS);
    expect(await sealed(made.encryptor, 'text')).toMatchObject({
      dekId,
      mekVersion: OTHER_VERSION,
    });
    expect(made.provider.calls).toEqual({});
  });

  it('stops within the fence TTL after the row was retired elsewhere', async () => {
    const made = setup();
    const { dekId } = await sealed(made.encryptor, 'text');
    const item = await made.memory.get(dekId);
    const retired = { state: 'retired', retiredAt: '2026-11-23T10:00:00.000Z' };
    await made.memory.replace(
      { ...(item?.value as ActiveDekRow), ...retired } as DekRow,
      item?.etag as string,
    );
    made.clock.advance(FENCE_TTL_MS - 1);
    expect((await sealed(made.encryptor, 'text')).dekId).toBe(dekId);
    made.clock.advance(1);
    expect((await sealed(made.encryptor, 'text')).dekId).toBe(`${SCOPE}.2`);
  });

  it('stops within the fence TTL after the DEK was shredded elsewhere', async () => {
    const made = setup();
    await sealed(made.encryptor, 'text');
    const other = setup({ beside: made });
    await other.encryptor.shred(note, KEY);
    made.clock.advance(FENCE_TTL_MS);
    const stored = await encryptAny(made.encryptor, { ...KEY, body: 'new' });
    expect(stored['body']).toMatchObject({ dekId: `${SCOPE}.2` });
    expect(await decryptAny(other.encryptor, stored)).toMatchObject({ body: 'new' });
  });

  it('reads again when a read took longer than the fence TTL', async () => {
    const made = setup();
    await sealed(made.encryptor, 'text');
    made.clock.advance(FENCE_TTL_MS);
    made.store.reset();
    let slow = 2;
    made.store.after = (method, result) => {
      if (method === 'listScope' && slow-- > 0) made.clock.advance(FENCE_TTL_MS);
      return result;
    };
    await sealed(made.encryptor, 'text');
    expect(made.store.calls['listScope']).toBe(3);
  });

  it('gives up when every read takes longer than the fence TTL', async () => {
    const made = setup();
    await sealed(made.encryptor, 'text');
    made.clock.advance(FENCE_TTL_MS);
    made.store.after = (method, result) => {
      if (method === 'listScope') made.clock.advance(FENCE_TTL_MS);
      return result;
    };
    expect(await rejection(sealed(made.encryptor, 'text'))).toMatchObject({
      code: 'CONTENDED',
      retryable: true,
      message: `Reading a row of scope ${SCOPE} within the fence did not succeed in 4 attempts: other processes were faster; try again`,
    });
  });

  it('goes by a row as old as its read, however late the answer came', async () => {
    const made = setup();
    await sealed(made.encryptor, 'text');
    made.clock.advance(FENCE_TTL_MS);
    made.store.after = (method, result) => {
      if (method === 'listScope') made.clock.advance(FENCE_TTL_MS - 1);
      return result;
    };
    await sealed(made.encryptor, 'text');
    made.store.after = (_method, result) => result;
    made.store.reset();
    made.clock.advance(1);
    await sealed(made.encryptor, 'text');
    expect(made.store.calls['listScope']).toBe(1);
  });

  it('does not go by the fence of a record that was old when it came', async () => {
    const made = setup();
    await sealed(made.encryptor, 'text');
    made.clock.advance(FENCE_TTL_MS);
    made.store.after = async (method, result) => {
      if (method !== 'getRotation') return result;
      made.store.after = (_method, answer) => answer;
      await alterRecord(made, { fenceTtlMs: 1_000, drainTtlMs: FENCE_TTL_MS });
      made.clock.advance(FENCE_TTL_MS);
      return result;
    };
    const cipher = await made.encryptor.openDocument(note, KEY, { createDek: true });
    made.clock.advance(999);
    expect(cipher.seal('body', 'text')).toHaveProperty('ct');
    made.clock.advance(1);
    expect(() => cipher.seal('body', 'text')).toThrow(
      expect.objectContaining({ code: 'CIPHER_STALE' }) as Error,
    );
  });

  it('reads anew when the wall clock went back', async () => {
    const made = setup();
    await sealed(made.encryptor, 'text');
    made.clock.advance(1_000);
    made.clock.setBack(1_001);
    made.store.reset();
    await sealed(made.encryptor, 'text');
    expect(made.store.calls).toMatchObject({ getRotation: 1, listScope: 1 });
  });

  it('is not held up by a listing that hangs for another document', async () => {
    const made = setup();
    await sealed(made.encryptor, 'text');
    const gate = deferred();
    made.store.before = (method, [scopeId]) =>
      method === 'listScope' && scopeId !== SCOPE ? gate.promise : undefined;
    const hanging = encryptAny(made.encryptor, { ...KEY, id: 'slow', body: 'slow' });
    await turn();
    made.clock.advance(FENCE_TTL_MS - 1);
    expect(await sealed(made.encryptor, 'text')).toMatchObject({ dekId: `${SCOPE}.1` });
    gate.resolve();
    await hanging;
  });

  it('recovers from an outage of the store, for every caller who waited and who comes later', async () => {
    const made = setup();
    const outage = new StoreError('STORE_UNAVAILABLE', 'down');
    made.store.before = () => Promise.reject(outage);
    const failed = await Promise.all(
      Array.from({ length: 5 }, () => rejection(sealed(made.encryptor, 'text'))),
    );
    expect(failed).toEqual(Array(5).fill(outage));
    made.store.before = () => undefined;
    expect(await sealed(made.encryptor, 'text')).toMatchObject({ dekId: `${SCOPE}.1` });
  });
});
