/** What the DEK store kit needs from whoever runs it. @module */
import type { DekStore } from '../store/dek-store.js';
import type { ContractSubject } from './contract-case.js';

/** A fresh, empty store for one case. */
export interface DekStoreSubject extends ContractSubject {
  readonly store: DekStore;
  /**
   * The same data as another process would open it: a second connection, a second client. The same
   * store again only where there can be no other process.
   */
  readonly reopen: () => DekStore | Promise<DekStore>;
  /**
   * Makes every read of `store` fail from now on, as an outage or a missing permission would: drop
   * the table, let the fake answer 403. Where nothing can fail, wrap the store in `injectFaults`.
   */
  readonly breakReads: () => Promise<void> | void;
}
