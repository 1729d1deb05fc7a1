/** What the document store kit needs from whoever runs it. @module */
import type { DocumentStore } from '../store/document-store.js';
import type { ContractSubject } from './contract-case.js';

/** Documents of the kit are named by these two properties together. */
export const CONTRACT_DOCUMENT_KEY: readonly ['workspaceId', 'id'] = ['workspaceId', 'id'];

/** A fresh, empty store for one case, its key being {@link CONTRACT_DOCUMENT_KEY}. */
export interface DocumentStoreSubject extends ContractSubject {
  readonly store: DocumentStore;
  /**
   * Makes every read of `store` fail from now on, as an outage or a missing permission would: drop
   * the table, let the fake answer 403. Where nothing can fail, wrap the store in `injectFaults`.
   */
  readonly breakReads: () => Promise<void> | void;
}
