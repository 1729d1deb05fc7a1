/** Reads the items of the DEK store that are no rows. @module */
import { leaseId, leaseScopeId } from '../format/lease.js';
import { reencryptionId } from '../format/reencryption-record.js';
import { ROTATION_ID, rotationScopeId } from '../format/rotation-record.js';
import type { DekStore, DekStoreOptions, StoredItem } from './dek-store.js';

export function readRotationItem(
  dekStore: Pick<DekStore, 'getItem'>,
  product: string,
  options?: DekStoreOptions,
): Promise<StoredItem | undefined> {
  return dekStore.getItem(rotationScopeId(product), ROTATION_ID, options);
}

export function readLeaseItem(
  dekStore: Pick<DekStore, 'getItem'>,
  product: string,
  collection: string,
  options?: DekStoreOptions,
): Promise<StoredItem | undefined> {
  return dekStore.getItem(leaseScopeId(product), leaseId(collection), options);
}

export function readReencryptionItem(
  dekStore: Pick<DekStore, 'getItem'>,
  product: string,
  collection: string,
  options?: DekStoreOptions,
): Promise<StoredItem | undefined> {
  return dekStore.getItem(leaseScopeId(product), reencryptionId(collection), options);
}
