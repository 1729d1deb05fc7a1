/** In-memory stores and contract kits, for tests of this library and of its adapters. @module */
export {
  type ContractCase,
  type ContractSubject,
  type DekStoreSubject,
  CONTRACT_DOCUMENT_KEY,
  type DocumentStoreSubject,
  type KeyProviderSubject,
} from './contract-case.js';
export { dekStoreContract } from './dek-store-contract.js';
export { documentStoreContract } from './document-store-contract.js';
export {
  injectFaults,
  type AsyncMethod,
  type Fault,
  type FaultCall,
  type FaultLog,
  type FaultPlan,
  type InjectFaultsOptions,
} from './fault-injector.js';
export { keyProviderContract } from './key-provider-contract.js';
export { ManualClock, type ManualClockOptions } from './manual-clock.js';
export { MemoryDekStore } from './memory-dek-store.js';
export { MemoryDocumentStore, type MemoryDocumentStoreOptions } from './memory-document-store.js';
