import { describe, expect, it } from 'vitest';
import type { DekRow } from '../../../src/adapters.js';
import { StoreError, type Envelope } from '../../../src/index.js';
import { scopeIdIn } from '../../../src/format/key-scope.js';
import { deferred, turn } from '../../support/deferred.js';
import {
  contentsOf,
  decryptAny,
  encryptAny,
  KEY,
  MEK_VERSION,
  note,
  PRODUCT,
  sealed,
  setup,
  type Setup,
} from '../../support/encryptor.js';
import { failure, refused, rejection } from '../../support/failure.js';
import { activeRow, tombstone } from '../../support/rows.js';

const SCOPE = '6ba93ee4f21c83cde16a191438027014';
const PARTS = ['notes', KEY.workspaceId, KEY.id];
const NOW = '2026-11-23T10:00:00.000Z';

function shreddedError(dekId: string): ReturnType<typeof refused> {
  return refused(
    'DEK_SHREDDED',
    `DEK ${dekId} was shredded at ${NOW}: the data that it sealed cannot be read any more`,
  );
}

async function rowsOf({ memory }: Setup): Promise<readonly DekRow[]> {
  return (await memory.listScope(SCOPE)).map(({ value }) => value as DekRow);
}

describe('shred', () => {
  it('leaves just a tombstone, which names the scope and holds no key', async () => {
    const made = setup();
    const { dekId } = await sealed(made.encryptor, 'text');
    const [live] = await rowsOf(made);
    expect(await made.encryptor.shred(note, KEY)).toEqual({ shredded: [dekId] });
    expect(await rowsOf(made)).toEqual([
      {
        id: dekId,
        scopeId: scopeIdIn(dekId),
        scopeKind: 'document',
        scope: PARTS,
        type: 'dek',
        schema: 1,
        product: PRODUCT,
        generation: 1,
        state: 'shredded',
        epoch: live?.epoch,
        createdAt: live?.createdAt,
        shreddedAt: NOW,
      },
    ]);
  });

  it('closes the document for this process at once', async () => {
    const { encryptor } = setup();
    const stored = await encryptAny(encryptor, { ...KEY, body: 'text' });
    await decryptAny(encryptor, stored);
    await encryptor.shred(note, KEY);
    const { dekId } = stored['body'] as Envelope;
    expect(await failure(decryptAny(encryptor, stored))).toEqual(shreddedError(dekId));
    const [outcome] = await encryptor.decryptDocuments(note, [stored] as never[]);
    expect(outcome).toMatchObject({ ok: false, error: shreddedError(dekId) });
  });

  it('needs no key provider', async () => {
    const made = setup();
    await sealed(made.encryptor, 'text');
    const other = setup({ beside: made });
    other.provider.before = () => Promise.reject(new Error('down'));
    expect((await other.encryptor.shred(note, KEY)).shredded).toHaveLength(1);
    expect(other.provider.calls).toEqual({});
  });

  it('takes every generation, retired ones too, and no other document', async () => {
    const made = setup();
    const mine = { parts: PARTS, keyProvider: made.keyProvider, mekVersion: MEK_VERSION };
    await sealed(made.encryptor, 'text');
    const retired = { state: 'retired', retiredAt: NOW } as const;
    for (const [generation, change] of [
      [2, retired],
      [3, {}],
    ] as const) {
      const row = await activeRow({ ...mine, generation, dek: Buffer.alloc(32, generation) });
      await made.memory.create({ ...row, ...change } as DekRow);
    }
    await made.memory.create(tombstone(PARTS, 4));
    const other = await encryptAny(made.encryptor, { ...KEY, id: 'note-2', body: 'other' });
    const { shredded } = await made.encryptor.shred(note, KEY);
    expect(shredded.toSorted()).toEqual([1, 2, 3].map((each) => `${SCOPE}.${String(each)}`));
    expect((await rowsOf(made)).map(({ state }) => state)).toEqual(Array(4).fill('shredded'));
    expect(await decryptAny(made.encryptor, other)).toMatchObject({ body: 'other' });
    expect((await sealed(made.encryptor, 'text')).dekId).toBe(`${SCOPE}.5`);
  });

  it('of a document that never had a DEK writes nothing', async () => {
    const made = setup();
    const before = await contentsOf(made.memory);
    expect(await made.encryptor.shred(note, KEY)).toEqual({ shredded: [] });
    expect(await contentsOf(made.memory)).toEqual(before);
  });

  it('of a shredded document writes nothing', async () => {
    const made = setup();
    await sealed(made.encryptor, 'text');
    await made.encryptor.shred(note, KEY);
    const before = await contentsOf(made.memory);
    expect(await setup({ beside: made }).encryptor.shred(note, KEY)).toEqual({ shredded: [] });
    expect(await contentsOf(made.memory)).toEqual(before);
  });

  it('that another process was faster with closes the document here too', async () => {
    const made = setup();
    const other = setup({ beside: made });
    const stored = await encryptAny(made.encryptor, { ...KEY, body: 'text' });
    await encryptAny(other.encryptor, { ...KEY, body: 'text' });
    await made.encryptor.shred(note, KEY);
    expect(await other.encryptor.shred(note, KEY)).toEqual({ shredded: [] });
    expect(await failure(decryptAny(other.encryptor, stored))).toEqual(shreddedError(`${SCOPE}.1`));
  });

  it('that another process was faster with is followed by a new DEK here too', async () => {
    const made = setup();
    const other = setup({ beside: made });
    await sealed(made.encryptor, 'text');
    await sealed(other.encryptor, 'text');
    await made.encryptor.shred(note, KEY);
    await other.encryptor.shred(note, KEY);
    const again = await encryptAny(other.encryptor, { ...KEY, body: 'again' });
    expect(again['body']).toMatchObject({ dekId: `${SCOPE}.2` });
    expect(await decryptAny(setup({ beside: made }).encryptor, again)).toMatchObject({
      body: 'again',
    });
  });

  it('whose acknowledgement was lost fails, and nothing is sealed under the dead DEK after', async () => {
    const made = setup();
    await sealed(made.encryptor, 'text');
    const lost = new StoreError('STORE_UNAVAILABLE', 'connection reset');
    made.store.after = (method, result) => (method === 'replace' ? Promise.reject(lost) : result);
    expect(await rejection(made.encryptor.shred(note, KEY))).toBe(lost);
    made.store.after = (_method, result) => result;
    expect((await rowsOf(made)).map(({ state }) => state)).toEqual(['shredded']);
    const again = await encryptAny(made.encryptor, { ...KEY, body: 'again' });
    expect(again['body']).toMatchObject({ dekId: `${SCOPE}.2` });
    expect(await decryptAny(setup({ beside: made }).encryptor, again)).toMatchObject({
      body: 'again',
    });
  });

  it('that failed can be called again', async () => {
    const made = setup();
    await sealed(made.encryptor, 'text');
    const before = await contentsOf(made.memory);
    const outage = new StoreError('STORE_UNAVAILABLE', 'down');
    made.store.before = (method) => (method === 'replace' ? Promise.reject(outage) : 0);
    expect(await rejection(made.encryptor.shred(note, KEY))).toBe(outage);
    expect(await contentsOf(made.memory)).toEqual(before);
    made.store.before = () => undefined;
    expect(await made.encryptor.shred(note, KEY)).toEqual({ shredded: [`${SCOPE}.1`] });
  });

  it('reads again when a row changed under it', async () => {
    const made = setup();
    await sealed(made.encryptor, 'text');
    let races = 3;
    made.store.before = async (method) => {
      if (method !== 'replace' || races-- <= 0) return;
      const item = await made.memory.get(`${SCOPE}.1`);
      await made.memory.replace(item?.value as DekRow, item?.etag as string);
    };
    expect(await made.encryptor.shred(note, KEY)).toEqual({ shredded: [`${SCOPE}.1`] });
    expect(made.store.calls['replace']).toBe(4);
  });

  it('gives up when a row changes under it every time, and says so', async () => {
    const made = setup();
    await sealed(made.encryptor, 'text');
    made.store.before = async (method) => {
      if (method !== 'replace') return;
      const item = await made.memory.get(`${SCOPE}.1`);
      await made.memory.replace(item?.value as DekRow, item?.etag as string);
    };
    expect(await rejection(made.encryptor.shred(note, KEY))).toMatchObject({
      code: 'CONTENDED',
      retryable: true,
      message: `Shredding scope ${SCOPE} did not succeed in 32 attempts: other processes were faster; try again`,
    });
  });

  it('finds a generation that is made meanwhile', async () => {
    const made = setup();
    await sealed(made.encryptor, 'text');
    const mine = { parts: PARTS, keyProvider: made.keyProvider, mekVersion: MEK_VERSION };
    const late = await activeRow({ ...mine, generation: 2, dek: Buffer.alloc(32, 2) });
    made.store.after = async (method, result) => {
      if (method === 'replace' && (await made.memory.get(late.id)) === undefined) {
        await made.memory.create(late);
      }
      return result;
    };
    const { shredded } = await made.encryptor.shred(note, KEY);
    expect(shredded).toEqual([`${SCOPE}.1`, `${SCOPE}.2`]);
    expect((await rowsOf(made)).map(({ state }) => state)).toEqual(['shredded', 'shredded']);
  });
});

describe('a load that is under way while a document is shredded', () => {
  it('does not bring its DEK back, alone', async () => {
    const made = setup();
    const stored = await encryptAny(made.encryptor, { ...KEY, body: 'text' });
    const process = setup({ beside: made });
    const gate = deferred();
    process.provider.before = () => gate.promise;
    const loading = decryptAny(process.encryptor, stored);
    await turn();
    await process.encryptor.shred(note, KEY);
    gate.resolve();
    expect(await rejection(loading)).toMatchObject({ code: 'DEK_SHREDDED' });
    expect(process.dekCache.size).toBe(0);
    expect(await failure(decryptAny(process.encryptor, stored))).toEqual(
      shreddedError(`${SCOPE}.1`),
    );
  });

  it('does not bring its DEK back, queued in a list behind others', async () => {
    const made = setup();
    const other = await encryptAny(made.encryptor, { ...KEY, id: 'note-2', body: 'other' });
    const stored = await encryptAny(made.encryptor, { ...KEY, body: 'text' });
    const process = setup({ beside: made });
    const gate = deferred();
    process.provider.before = () => gate.promise;
    const list = [other, stored] as never[];
    const loading = process.encryptor.decryptDocuments(note, list, { concurrency: 1 });
    await turn();
    expect(process.provider.calls).toEqual({ unwrapKey: 1 });
    await process.encryptor.shred(note, KEY);
    gate.resolve();
    await loading;
    expect(await failure(decryptAny(process.encryptor, stored))).toEqual(
      shreddedError(`${SCOPE}.1`),
    );
    expect(process.dekCache.size).toBe(1);
  });
});
