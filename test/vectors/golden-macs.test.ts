import { createSecretKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { recordMac, deriveRecordKeyId } from '../../src/crypto/key-schedule.js';
import type { DekRow, RotationRecord } from '../../src/adapters.js';
import { authenticateRecords } from '../../src/index.js';
import { canonicalJson, RecordSeal, RecordKeys } from '../../src/store/record-seal.js';
import { MemoryDekStore } from '../../src/testing/index.js';
import { failureOf } from '../support/failure.js';
import { fromHex, readGolden } from '../support/golden.js';

interface Named<Item> {
  readonly name: string;
  readonly item: Item & { readonly mac: string; readonly macKeyId: string };
}

const rowFile = readGolden<{ recordKeyHex: string; cases: { name: string; row: DekRow }[] }>(
  'dek-rows.json',
);
const recordFile = readGolden<{
  recordKeyHex: string;
  cases: { name: string; record: RotationRecord }[];
}>('rotation-records.json');
const { recordKeyHex } = rowFile;

const rows = rowFile.cases
  .map(({ name, row: item }) => ({ name, item }))
  .filter((each): each is Named<DekRow> => each.item.mac !== undefined);
const records = recordFile.cases
  .map(({ name, record: item }) => ({ name, item }))
  .filter((each): each is Named<RotationRecord> => each.item.mac !== undefined);
const all: readonly Named<DekRow | RotationRecord>[] = [...rows, ...records];

const seal = new RecordSeal(new RecordKeys(recordKeyHex, []), false);
const other = new RecordSeal(new RecordKeys('7f3c'.padEnd(64, '9'), [recordKeyHex]), false);

function bare<Item extends DekRow | RotationRecord>(item: Item): Item {
  const copy = { ...item };
  delete (copy as { mac?: string }).mac;
  delete (copy as { macKeyId?: string }).macKeyId;
  return copy;
}

describe('golden macs', () => {
  it('are under the key of both files, whose id they name', () => {
    expect(recordFile.recordKeyHex).toBe(recordKeyHex);
    const id = deriveRecordKeyId(createSecretKey(fromHex(recordKeyHex)));
    expect(new Set(all.map(({ item }) => item.macKeyId))).toEqual(new Set([id]));
    expect(rows.map(({ item }) => item.state)).toEqual(
      expect.arrayContaining(['active', 'retired', 'shredded']),
    );
    expect(records.length).toBeGreaterThan(0);
  });

  it.each(all)('$name is verified, and its mac taken off', ({ name, item }) => {
    const opened = { value: bare(item), authenticatedBy: item.macKeyId };
    expect(seal.open(item, { item: name })).toEqual(opened);
    expect(other.open(item, { item: name })).toEqual(opened);
    expect(seal.open({ ...item, _etag: '"1"', _ts: 1 }, { item: name })).toEqual({
      ...opened,
      value: { ...bare(item), _etag: '"1"', _ts: 1 },
    });
  });

  it.each(all)('$name is given the very mac that it has', ({ item }) => {
    expect(seal.seal(bare(item))).toEqual(item);
    const shuffled = Object.fromEntries(Object.entries(bare(item)).reverse());
    expect(seal.seal(shuffled)).toEqual(item);
  });

  it.each(all)('$name is not verified by its mac with a property dropped', ({ name, item }) => {
    for (const dropped of Object.keys(item)) {
      if (dropped === 'mac') continue;
      const rest = Object.fromEntries(Object.entries(item).filter(([each]) => each !== dropped));
      expect(failureOf(() => seal.open(rest, { item: name }))).toMatchObject({ code: 'TAMPERED' });
    }
  });

  it.each(rows)('$name comes out of a store that authenticates', async ({ item }) => {
    const memory = new MemoryDekStore();
    await memory.create(item);
    const store = authenticateRecords(memory, { recordKey: recordKeyHex });
    expect((await store.get(item.id))?.value).toEqual(bare(item));
  });
});

describe('golden texts', () => {
  const { cases, ...file } = readGolden<{
    recordKeyHex: string;
    cases: { name: string; item: DekRow | RotationRecord; text: string; mac: string }[];
  }>('record-macs.json');

  it.each(cases)('$name is authenticated by its canonical JSON', ({ item, text, mac }) => {
    expect(file.recordKeyHex).toBe(recordKeyHex);
    const sealed = seal.seal(item);
    expect(sealed.mac).toBe(mac);
    expect(canonicalJson({ ...item, macKeyId: sealed.macKeyId })).toBe(text);
    expect(JSON.parse(text)).toEqual({ ...item, macKeyId: sealed.macKeyId });
    expect(recordMac(createSecretKey(fromHex(recordKeyHex)), text)).toBe(mac);
  });

  it('cover every state of rows and of rotation records', () => {
    const states = cases.map(({ item }) => item.state);
    expect(new Set(states)).toEqual(
      new Set(['active', 'retired', 'shredded', 'fencing', 'rewrapping', 'complete']),
    );
  });
});
