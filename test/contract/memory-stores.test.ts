import { describe, expect, it } from 'vitest';
import { parseDekRow } from '../../src/format/dek-row.js';
import { parseRotationRecord } from '../../src/format/rotation-record.js';
import {
  CONTRACT_DOCUMENT_KEY,
  dekStoreContract,
  documentStoreContract,
  injectFaults,
  MemoryDekStore,
  MemoryDocumentStore,
  type DekStoreSubject,
  type DocumentStoreSubject,
} from '../../src/testing/index.js';
import { sampleRecord, sampleRow, sampleTombstone } from '../../src/testing/sample-items.js';

function makeDekSubject(): DekStoreSubject {
  let isDown = false;
  const store = injectFaults(new MemoryDekStore(), () =>
    isDown ? { before: new Error('the store is down') } : undefined,
  );
  return { store, reopen: () => store, breakReads: () => void (isDown = true) };
}

function makeDocumentSubject(): DocumentStoreSubject {
  let isDown = false;
  const memory = new MemoryDocumentStore({ key: CONTRACT_DOCUMENT_KEY });
  const store = injectFaults(memory, () =>
    isDown ? { before: new Error('the store is down') } : undefined,
  );
  return { store, breakReads: () => void (isDown = true) };
}

describe('MemoryDekStore', () => {
  for (const { rule, name, run } of dekStoreContract(makeDekSubject)) it(`${rule} ${name}`, run);
});

describe('MemoryDocumentStore', () => {
  for (const { rule, name, run } of documentStoreContract(makeDocumentSubject)) {
    it(`${rule} ${name}`, run);
  }
});

describe('the samples of the kits', () => {
  it('are rows and records that the library itself accepts', () => {
    const odd = sampleRow({ product: '\u0000"', document: 'd', generation: 12, epoch: 3 });
    for (const row of [sampleRow(), odd, sampleTombstone({ generation: 7 })]) {
      expect(parseDekRow(row, row.id)).toEqual(row);
    }
    expect(parseRotationRecord(sampleRecord('p', 4), 'p')).toEqual(sampleRecord('p', 4));
  });
});
