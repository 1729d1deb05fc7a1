/** The rules of `DocumentStore`, as cases to run against any implementation. @module */
import { cellCases, type Cell, type CellItem } from './cell-contract.js';
import {
  bindCases,
  type ContractCase,
  type SubjectCase,
  type DocumentStoreSubject,
} from './contract-case.js';
import { DOCUMENT_LISTING_CASES } from './document-listing-contract.js';
import { DOCUMENT_PREFIX_CASES } from './document-prefix-contract.js';
import { DOCUMENT_VALUE_CASES } from './document-value-contract.js';
import { DOCUMENT_WRITING_CASES } from './document-writing-contract.js';
import { sampleDocument, type SampleDocument } from './sample-items.js';

/**
 * The contract of {@link DocumentStore}, with at least one case for each rule `D1` to `D11`.
 *
 * Run the cases with any test runner, or without one. Each case gets a new subject from `make` and disposes
 * of it.
 *
 * @param make - Returns an empty store whose key is `CONTRACT_DOCUMENT_KEY`.
 *
 * @example
 * ```ts
 * import {
 *   CONTRACT_DOCUMENT_KEY,
 *   documentStoreContract,
 *   injectFaults,
 *   MemoryDocumentStore,
 * } from '@bytelyst/field-encrypt/testing';
 *
 * const cases = documentStoreContract(() => {
 *   let isDown = false;
 *   const memory = new MemoryDocumentStore({ key: CONTRACT_DOCUMENT_KEY });
 *   const store = injectFaults(memory, () =>
 *     isDown ? { before: new Error('down') } : undefined,
 *   );
 *   return { store, breakReads: () => void (isDown = true) };
 * });
 * for (const { rule, name, run } of cases) {
 *   await run(); // in vitest: it(`${rule} ${name}`, run)
 *   console.log(`${rule} ${name}`);
 * }
 * ```
 */
export function documentStoreContract(
  make: () => DocumentStoreSubject | Promise<DocumentStoreSubject>,
): readonly ContractCase[] {
  return bindCases(make, CASES, ['store', 'breakReads']);
}

const DOCUMENT_RULES = { create: 'D1', read: 'D2', replace: 'D3', etag: 'D5' };

const CASES: readonly SubjectCase<DocumentStoreSubject>[] = [
  ...cellCases('a document', DOCUMENT_RULES, documentCell),
  ...DOCUMENT_WRITING_CASES,
  ...DOCUMENT_LISTING_CASES,
  ...DOCUMENT_PREFIX_CASES,
  ...DOCUMENT_VALUE_CASES,
];

function documentCell({ store }: DocumentStoreSubject): Cell<SampleDocument> {
  return {
    item: (content) => sampleDocument({ body: `content ${String(content)}` }),
    create: async (document) => toCellItem(await store.create(document)),
    read: async () => {
      const item = await store.get(sampleDocument());
      return item && toCellItem(item);
    },
    replace: async (document, etag) => toCellItem(await store.replace(document, etag)),
  };
}

function toCellItem(item: { readonly document: unknown; readonly etag: string }): CellItem {
  return { value: item.document, etag: item.etag };
}
