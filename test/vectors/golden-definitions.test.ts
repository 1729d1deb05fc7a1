import { describe, expect, it } from 'vitest';
import { authenticateRecords } from '../../src/index.js';
import {
  parseDefinitionRecord,
  type DefinitionRecord,
} from '../../src/format/definition-record.js';
import { MemoryDekStore } from '../../src/testing/index.js';
import { withoutMac } from '../support/resealing.js';
import { readGolden } from '../support/golden.js';

const { recordKeyHex, cases } = readGolden<{
  recordKeyHex: string;
  cases: { name: string; item: DefinitionRecord }[];
}>('definitions.json');

describe('golden definitions records', () => {
  it.each(cases)('$name parses to itself', ({ item }) => {
    expect(parseDefinitionRecord(item, item.product, item.collection)).toEqual(item);
    const stored = { ...item, _etag: '"1"' };
    expect(parseDefinitionRecord(stored, item.product, item.collection)).toEqual(item);
  });

  it.each(cases)(
    '$name is written as it stands, with its mac where it has one',
    async ({ item }) => {
      const store = new MemoryDekStore();
      const writer = item.mac ? authenticateRecords(store, { recordKey: recordKeyHex }) : store;
      await writer.createItem(withoutMac(item) as DefinitionRecord);
      expect((await store.getItem(item.scopeId, item.id))?.value).toEqual(item);
      expect((await writer.getItem(item.scopeId, item.id))?.value).toEqual(withoutMac(item));
    },
  );

  it('has both', () => {
    expect(new Set(cases.map(({ item }) => item.mac !== undefined))).toEqual(
      new Set([true, false]),
    );
  });
});
