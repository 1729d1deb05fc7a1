/** Reads and writes the lease of a collection. @module */
import { readLeaseItem } from '../store/known-items.js';
import { hasCode } from '../errors/errors.js';
import { parseLease, type Lease } from '../format/lease.js';
import type { DekStore, StoredItem } from '../store/dek-store.js';

export interface LeaseCopy {
  readonly lease: Lease;
  readonly etag: string;
}

interface LeasePlace {
  readonly product: string;
  readonly collection: string;
  readonly dekStore: Required<DekStore>;
}

/** @throws TamperedError or `ROW_UNSUPPORTED` for a lease that cannot be read: nothing goes on over it. */
export async function readLease(
  { product, collection, dekStore }: LeasePlace,
  signal?: AbortSignal,
): Promise<LeaseCopy | undefined> {
  const item = await readLeaseItem(dekStore, product, collection, { signal });
  return item && { lease: parseLease(item.value, product, collection), etag: item.etag };
}

/**
 * Writes a lease over the etag that was read, or where none was, a new one.
 *
 * @returns Its etag; `undefined` when someone else was faster.
 */
export async function tryWriteLease(
  place: LeasePlace,
  lease: Lease,
  etag: string | undefined,
): Promise<string | undefined> {
  try {
    return (await write(place.dekStore, lease, etag)).etag;
  } catch (error) {
    // The answer may have been lost after the write: no two runs have the same owner.
    const copy = await readLease(place);
    if (copy && isSame(copy.lease, lease)) return copy.etag;
    if (hasCode(error, 'ALREADY_EXISTS', 'ETAG_MISMATCH')) return undefined;
    throw error;
  }
}

function write(
  dekStore: Required<DekStore>,
  lease: Lease,
  etag: string | undefined,
): Promise<StoredItem> {
  return etag === undefined ? dekStore.createItem(lease) : dekStore.replaceItem(lease, etag);
}

function isSame(stored: Lease, { owner, heartbeatAt, expiresAt }: Lease): boolean {
  return (
    stored.owner === owner && stored.heartbeatAt === heartbeatAt && stored.expiresAt === expiresAt
  );
}
