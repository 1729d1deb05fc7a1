/** Stores in Azure Cosmos DB, through `@azure/cosmos`. @module */
export { CosmosDekStore, type CosmosDekStoreOptions } from './cosmos-dek-store.js';
export {
  CosmosDocumentStore,
  type CosmosDocumentStoreOptions,
  type DocumentCondition,
} from './cosmos-document-store.js';
export type { CosmosFailure } from './cosmos-failure.js';
export type { CosmosOperation, CosmosRequest } from './cosmos-request.js';
export type { CosmosStoreOptions } from './cosmos-connection.js';
export { ensureDekContainer, type EnsureDekContainerOptions } from './ensure-dek-container.js';
