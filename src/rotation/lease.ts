/** Lets one migration at a time work on a collection: docs/format.md, "Lease". @module */

export interface Lease {
  /** `"lease:"` and the collection. */
  readonly id: string;
  /** `"lease:"` and the product. */
  readonly scopeId: string;
  readonly type: 'lease';
  readonly schema: 1;
  readonly product: string;
  readonly kind: string;
  readonly owner: string;
  readonly heartbeatAt: string;
  readonly expiresAt: string;
}

export function leaseId(collection: string): string {
  return `lease:${collection}`;
}

export function leaseScopeId(product: string): string {
  return `lease:${product}`;
}
