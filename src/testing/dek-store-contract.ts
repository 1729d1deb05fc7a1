/** The rules of `DekStore`, as cases to run against any implementation. @module */
import { cellCases, type Cell } from './cell-contract.js';
import {
  bindCases,
  type ContractCase,
  type SubjectCase,
  type DekStoreSubject,
} from './contract-case.js';
import { DEK_FILTER_CASES } from './dek-filter-contract.js';
import { DEK_ITEM_CASES } from './dek-item-contract.js';
import { DEK_ITEM_LISTING_CASES } from './dek-item-listing-contract.js';
import { DEK_LAG_CASES, DEK_LISTING_CASES } from './dek-listing-contract.js';
import { DEK_READING_CASES } from './dek-reading-contract.js';
import { DEK_VALUE_CASES } from './dek-value-contract.js';
import { sampleRow } from './sample-items.js';

/**
 * The contract of {@link DekStore}, with at least one case for each rule `S1` to `S16`.
 *
 * Run the cases with any test runner, or without one. Each case gets a new subject from `make` and disposes
 * of it. They cannot test durability across a power cut, or more processes than the harness opens.
 *
 * @param make - Returns an empty store for each case.
 *
 * @example
 * ```ts
 * import { dekStoreContract, injectFaults, MemoryDekStore } from '@bytelyst/field-encrypt/testing';
 *
 * const cases = dekStoreContract(() => {
 *   let isDown = false;
 *   const store = injectFaults(new MemoryDekStore(), () =>
 *     isDown ? { before: new Error('down') } : undefined,
 *   );
 *   return { store, reopen: () => store, breakReads: () => void (isDown = true) };
 * });
 * for (const { rule, name, run } of cases) {
 *   await run(); // in vitest: it(`${rule} ${name}`, run)
 *   console.log(`${rule} ${name}`);
 * }
 * ```
 */
export function dekStoreContract(
  make: () => DekStoreSubject | Promise<DekStoreSubject>,
): readonly ContractCase[] {
  return bindCases(make, CASES, ['store', 'reopen', 'breakReads']);
}

const ROW_RULES = { create: 'S1', read: 'S2', replace: 'S5', etag: 'S6' };

const CASES: readonly SubjectCase<DekStoreSubject>[] = [
  ...cellCases('a DEK row', ROW_RULES, rowCell),
  ...DEK_READING_CASES,
  ...DEK_LISTING_CASES,
  ...DEK_FILTER_CASES,
  ...DEK_ITEM_CASES,
  ...DEK_ITEM_LISTING_CASES,
  ...DEK_VALUE_CASES,
  ...DEK_LAG_CASES,
];

function rowCell({ store }: DekStoreSubject): Cell<ReturnType<typeof sampleRow>> {
  const { id } = sampleRow();
  return {
    item: (content) => sampleRow({ epoch: content + 1 }),
    create: (row) => store.create(row),
    read: () => store.get(id),
    replace: (row, etag) => store.replace(row, etag),
  };
}
