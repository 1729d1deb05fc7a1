/** Allows one migration at a time on a collection: docs/format.md, "Lease". @module */
import {
  requireInPlace,
  is,
  isIdentifier,
  isTimestamp,
  readShaped,
  type ItemShape,
} from './item-shape.js';

export interface Lease {
  /** `"lease:"` and the collection. */
  readonly id: string;
  /** `"lease:"` and the product. */
  readonly scopeId: string;
  readonly type: 'lease';
  readonly schema: 1;
  readonly product: string;
  readonly kind: string;
  /** For people; different for every run. */
  readonly owner: string;
  readonly heartbeatAt: string;
  /** Equal to `heartbeatAt` once the owner has released the lease. */
  readonly expiresAt: string;
}

const PREFIX = 'lease:';

export function leaseId(collection: string): string {
  return `${PREFIX}${collection}`;
}

export function leaseScopeId(product: string): string {
  return `${PREFIX}${product}`;
}

/** Returns the collection that an item's id names; `undefined` for another kind of item. */
export function collectionOfLease(id: string): string | undefined {
  return id.startsWith(PREFIX) ? id.slice(PREFIX.length) : undefined;
}

const SHAPE: ItemShape = {
  id: isIdentifier,
  scopeId: isIdentifier,
  type: is('lease'),
  schema: is(1),
  product: isIdentifier,
  kind: isIdentifier,
  owner: isIdentifier,
  heartbeatAt: isTimestamp,
  expiresAt: isTimestamp,
};

/**
 * Returns the lease when this version understands it.
 *
 * @throws FieldEncryptionError `ROW_UNSUPPORTED` for an unknown property; TamperedError for a lease that this
 *   library cannot have written.
 */
export function parseLease(value: unknown, product: string, collection: string): Lease {
  const item = `The lease of "${collection}"`;
  const lease = readShaped(value, SHAPE, item) as unknown as Lease;
  const [id, scopeId] = [leaseId(collection), leaseScopeId(product)];
  requireInPlace(lease, item, { id, product, scopeId });
  return lease;
}

/** True once the owner has released the lease; the owner of any other lease may have died. */
export function isReleased({ heartbeatAt, expiresAt }: Lease): boolean {
  return heartbeatAt === expiresAt;
}
