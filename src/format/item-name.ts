/** What an item that is no row is called in messages, and whether it has a mac. @module */

/** Where an item is kept. */
export interface ItemKey {
  readonly scopeId: string;
  readonly id: string;
}

const ROTATION_SCOPE = 'rotation:';
const LEASE = 'lease:';
const REENCRYPTION = 'reencryption:';

export function nameOfItem({ scopeId, id }: ItemKey): string {
  if (id === 'rotation' && scopeId.startsWith(ROTATION_SCOPE)) {
    return `The rotation record of "${scopeId.slice(ROTATION_SCOPE.length)}"`;
  }
  if (id.startsWith(REENCRYPTION) && scopeId.startsWith(LEASE)) {
    return `The re-encryption item of "${id.slice(REENCRYPTION.length)}"`;
  }
  return `The item "${id}" of "${scopeId}"`;
}

/** A lease is written by whatever migrates, and decides nothing: only its etag counts. */
export function hasNoMac({ scopeId, id }: ItemKey): boolean {
  return scopeId.startsWith(LEASE) && id.startsWith(LEASE);
}
