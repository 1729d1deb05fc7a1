import { readRotationItem } from '../../../src/store/dek-store.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deriveRecordKeyId } from '../../../src/crypto/key-schedule.js';
import type { DekRow, LiveDekRow, RotationRecord } from '../../../src/adapters.js';
import { takeCensus, type DekStore } from '../../../src/index.js';
import { importMek } from '../../../src/provider/mek-bytes.js';
import { anyJson } from '../../support/arbitraries.js';
import {
  decryptAny,
  encryptAny,
  KEY,
  note,
  PRODUCT,
  setup,
  type Setup,
} from '../../support/encryptor.js';
import { describeError, failure, tampered } from '../../support/failure.js';
import {
  alterRecord,
  ofType,
  record,
  rewrap,
  rows,
  withKeys,
  writeNotes,
} from '../../support/rotations.js';
import { OTHER_RECORD_KEY, RECORD_KEY } from '../../support/records.js';

const authenticated = { recordKey: RECORD_KEY };

function forged(item: string): string {
  return `${item} failed authentication under the record key: it was changed, or moved from another place; restore it from a backup`;
}

function bare(item: string): string {
  return `${item} has no mac: it was changed, or written without the record key; restore it from a backup, or run resealRecords if record authentication was turned on recently`;
}

/** Rewrapped once, so that a row has every property that a rotation gives it. */
async function rewrapped(count: number): Promise<Setup> {
  const before = setup(authenticated);
  await writeNotes(before, count);
  const after = withKeys(before, ['b', 'a'], authenticated);
  await rewrap(after);
  return after;
}

async function put({ memory }: Setup, id: string, row: object): Promise<void> {
  const item = await memory.get(id);
  await memory.replace({ ...row, id, scopeId: id.split('.')[0] } as DekRow, item?.etag ?? '');
}

/** Everything that reads rows refuses this one. */
async function refusals({ encryptor }: Setup, dekId: string): Promise<readonly unknown[]> {
  const { dekStore } = encryptor;
  const [scopeId = ''] = dekId.split('.');
  const listed = await dekStore.list({ product: PRODUCT });
  const many = await dekStore.getMany([dekId]);
  return [
    await failure(dekStore.get(dekId)),
    await failure(dekStore.listScope(scopeId)),
    describeError(many.get(dekId)?.error),
    ...listed.items.flatMap(({ error }) => (error ? [describeError(error)] : [])),
  ];
}

describe('a row', () => {
  it('is refused by every read with any one property changed, dropped or added', async () => {
    const made = await rewrapped(1);
    const [row] = (await rows(made)) as [LiveDekRow];
    expect(Object.keys(row)).toEqual(
      expect.arrayContaining(['previousWrap', 'rewrappedAt', 'mac']),
    );
    const names = Object.keys(row).filter((name) => !['id', 'scopeId', 'product'].includes(name));
    const name = fc.oneof(fc.constantFrom(...names), fc.constantFrom('note', 'recoveryWrap'));
    await fc.assert(
      fc.asyncProperty(name, fc.option(anyJson, { nil: undefined }), async (property, value) => {
        const altered = { ...row, [property]: value };
        fc.pre(JSON.stringify(altered) !== JSON.stringify(row));
        await put(made, row.id, altered);
        const found = await refusals(made, row.id);
        expect(found).toHaveLength(4);
        for (const each of found) expect(each).toEqual(tampered(forged(`DEK row ${row.id}`)));
        await put(made, row.id, row);
      }),
    );
  });

  it('is refused with any one property of its previous wrap changed', async () => {
    const made = await rewrapped(1);
    const [row] = (await rows(made)) as [LiveDekRow];
    for (const property of Object.keys(row.previousWrap ?? {})) {
      const previousWrap = { ...row.previousWrap, [property]: 'x' };
      await put(made, row.id, { ...row, previousWrap });
      expect(await failure(made.encryptor.dekStore.get(row.id))).toEqual(
        tampered(forged(`DEK row ${row.id}`)),
      );
    }
  });

  it('is refused without its mac', async () => {
    const made = await rewrapped(2);
    const [row] = (await rows(made)) as [LiveDekRow];
    const { mac, macKeyId, ...stripped } = row;
    expect([mac, macKeyId]).not.toContain(undefined);
    await put(made, row.id, stripped);
    const found = await refusals(made, row.id);
    for (const each of found) expect(each).toEqual(tampered(bare(`DEK row ${row.id}`)));
  });

  it('is refused with the mac of another', async () => {
    const made = await rewrapped(2);
    const [one, other] = (await rows(made)) as [LiveDekRow, LiveDekRow];
    await put(made, one.id, { ...one, mac: other.mac });
    expect(await failure(made.encryptor.dekStore.get(one.id))).toEqual(
      tampered(forged(`DEK row ${one.id}`)),
    );
  });

  it('is refused in the place of another, authentic as it is', async () => {
    const made = await rewrapped(2);
    const [one, other] = (await rows(made)) as [LiveDekRow, LiveDekRow];
    const misled = setup({ beside: made, ...authenticated });
    misled.store.after = (method, result) => {
      if (method === 'get') return { value: other, etag: '"1"' };
      return method === 'getMany' ? new Map([[one.id, { value: other, etag: '"1"' }]]) : result;
    };
    const { dekStore } = misled.encryptor;
    const message = `DEK row ${one.id} was replaced by another row: restore it from a backup`;
    expect(await failure(dekStore.get(one.id))).toEqual(tampered(message));
    const many = await dekStore.getMany([one.id]);
    expect(describeError(many.get(one.id)?.error)).toEqual(tampered(message));
    // Moved inside the database, with the id of the place written into it.
    await put(made, one.id, other);
    expect(await failure(made.encryptor.dekStore.get(one.id))).toEqual(
      tampered(forged(`DEK row ${one.id}`)),
    );
  });

  it('under a tombstone cannot be brought back to life, nor a live one be buried', async () => {
    const made = setup(authenticated);
    const written = await writeNotes(made, 2);
    const [live, other] = (await rows(made)) as [LiveDekRow, LiveDekRow];
    const stored = written.find(({ id }) => id === live.scope.at(-1));
    await made.encryptor.shred(note, { ...KEY, id: String(live.scope.at(-1)) });
    const buried = (await made.memory.get(live.id))?.value as DekRow;
    expect(buried).toMatchObject({ state: 'shredded', macKeyId: live.macKeyId });
    await put(made, live.id, { ...live, mac: buried.mac });
    const reader = setup({ beside: made, ...authenticated });
    expect(await failure(decryptAny(reader.encryptor, stored))).toMatchObject({ code: 'TAMPERED' });
    await put(made, other.id, buried);
    expect(await failure(made.encryptor.dekStore.get(other.id))).toMatchObject({
      code: 'TAMPERED',
    });
  });

  it('that is older and authentic is accepted under its own id: a replay is not detected', async () => {
    const made = setup(authenticated);
    const [stored] = await writeNotes(made, 1);
    const [live] = (await rows(made)) as [LiveDekRow];
    await made.encryptor.shred(note, { ...KEY, id: 'note-0' });
    await put(made, live.id, live);
    const reader = setup({ beside: made, ...authenticated });
    expect(await decryptAny(reader.encryptor, stored)).toMatchObject({ body: 'of note-0' });
  });

  it('under an unknown key is distinguished, by a key id and nothing else', async () => {
    const made = await rewrapped(1);
    const [row] = (await rows(made)) as [LiveDekRow];
    const { dekStore } = setup({ beside: made, recordKey: OTHER_RECORD_KEY }).encryptor;
    expect(await failure(dekStore.get(row.id))).toMatchObject({ code: 'RECORD_KEY_UNKNOWN' });
    for (const macKeyId of ['', 'x', row.macKeyId?.toUpperCase(), '0'.repeat(17), null, 7]) {
      await put(made, row.id, { ...row, macKeyId });
      expect(await failure(made.encryptor.dekStore.get(row.id))).toEqual(
        tampered(forged(`DEK row ${row.id}`)),
      );
    }
  });

  it('under another key, made by an attacker without ours, is refused', async () => {
    const made = setup(authenticated);
    const forger = setup({ beside: made, recordKey: OTHER_RECORD_KEY });
    await encryptAny(setup(authenticated).encryptor, { ...KEY, body: 'x' });
    const stored = await encryptAny(forger.encryptor, { ...KEY, body: 'planted' });
    const refusal = { code: 'RECORD_KEY_UNKNOWN' };
    expect(await failure(decryptAny(made.encryptor, stored))).toMatchObject(refusal);
    // With our key id, which is no secret, over a mac of its own.
    const [row] = (await rows(made)) as [LiveDekRow];
    const macKeyId = deriveRecordKeyId(importMek('key', RECORD_KEY).key);
    await put(made, row.id, { ...row, macKeyId });
    expect(await failure(decryptAny(made.encryptor, stored))).toMatchObject({ code: 'TAMPERED' });
  });

  it('that is no object, or is nested without end, is one bad row', async () => {
    const made = await rewrapped(2);
    const deep = JSON.parse('['.repeat(50_000) + ']'.repeat(50_000)) as unknown;
    const [row] = (await rows(made)) as [LiveDekRow];
    for (const value of [null, 'text', [], { ...row, note: deep }]) {
      const misled = setup({ beside: made, ...authenticated });
      misled.store.after = async (method, result) => {
        if (method !== 'list') return result;
        const page = (await made.memory.list({ product: PRODUCT })).items;
        return { items: [{ value, etag: '"1"' }, page[1]] };
      };
      const census = await takeCensus(misled.encryptor);
      expect(census).toMatchObject({ rows: 2, active: 1, unreadable: 1 });
      expect(census.unreadableRows[0]?.error).toMatchObject({ code: 'TAMPERED' });
    }
  });
});

describe('one forged row', () => {
  it('fails alone: its document, its event in a rewrap, its line in a census', async () => {
    const before = setup(authenticated);
    const [first, second] = await writeNotes(before, 2);
    const all = (await rows(before)) as LiveDekRow[];
    const row = all.find(({ scope }) => scope.at(-1) === 'note-0') as LiveDekRow;
    await put(before, row.id, { ...row, epoch: 2 });
    const operator = withKeys(before, ['b', 'a'], authenticated);
    const outcomes = await operator.encryptor.decryptDocuments(note, [first, second] as never[]);
    expect(outcomes.map(({ ok }) => ok)).toEqual([false, true]);
    const result = await rewrap(operator);
    expect(result.summary).toMatchObject({ complete: false, changed: 1, failed: 1 });
    for (const { dekId, error } of ofType(result, 'failed')) {
      expect(dekId).toBe(row.id);
      expect(describeError(error)).toEqual(tampered(forged(`DEK row ${row.id}`)));
    }
    const { unreadableRows } = await takeCensus(operator.encryptor);
    expect(unreadableRows.map(({ dekId }) => dekId)).toEqual([row.id]);
  });
});

describe('the rotation record', () => {
  const NAME = `The rotation record of "${PRODUCT}"`;
  const read = (dekStore: DekStore): Promise<unknown> => readRotationItem(dekStore, PRODUCT);

  it('is refused with any one property changed, dropped or added', async () => {
    const made = await rewrapped(1);
    const written = await record(made);
    const own = ['id', 'scopeId'];
    const names = Object.keys(written).filter((name) => !own.includes(name));
    const name = fc.oneof(fc.constantFrom(...names), fc.constantFrom('drainTtlMs', 'note'));
    await fc.assert(
      fc.asyncProperty(name, fc.option(anyJson, { nil: undefined }), async (property, value) => {
        const altered = { ...written, [property]: value };
        fc.pre(JSON.stringify(altered) !== JSON.stringify(written));
        await alterRecord(made, altered);
        expect(await failure(read(made.encryptor.dekStore))).toEqual(tampered(forged(NAME)));
        await alterRecord(made, {
          ...written,
          [property]: written[property as keyof RotationRecord],
        });
      }),
    );
  });

  it('is refused without its mac, also by a writer', async () => {
    const made = await rewrapped(1);
    await alterRecord(made, { mac: undefined, macKeyId: undefined });
    const refusal = tampered(bare(NAME));
    expect(await failure(read(made.encryptor.dekStore))).toEqual(refusal);
    const writer = setup({ beside: made, ...authenticated });
    const writing = encryptAny(writer.encryptor, { ...KEY, id: 'new', body: 'text' });
    expect(await failure(writing)).toEqual(refusal);
    expect(await failure(rewrap(writer))).toEqual(refusal);
    expect((await writer.encryptor.checkReadiness()).ready).toBe(false);
  });

  it('of another product is refused, authentic as it is', async () => {
    const made = await rewrapped(1);
    const other = setup({ ...authenticated, product: 'other' });
    await encryptAny(other.encryptor, { ...KEY, body: 'text' });
    const item = await other.memory.getRotation('other');
    const misled = setup({ beside: made, ...authenticated });
    misled.store.after = (method, result) => (method === 'getRotation' ? item : result);
    const writing = encryptAny(misled.encryptor, { ...KEY, id: 'new', body: 'text' });
    expect(await failure(writing)).toEqual(
      tampered(`${NAME} was replaced by another item: restore it from a backup`),
    );
  });
});
