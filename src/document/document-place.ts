/** The place of a document, which its ciphertexts are bound to. @module */
import { keyScope, type KeyScope } from '../format/key-scope.js';
import { RecentMap } from '../async/recent-map.js';

export interface DocumentPlace {
  readonly product: string;
  readonly collection: string;
  /** Values of the definition's key properties, in the definition's order. */
  readonly keyParts: readonly string[];
  /** The scope of the DEK that seals the document. */
  readonly scope: KeyScope;
  /** Equal for two places if and only if collection and key parts are equal. */
  readonly identity: string;
}

// Hashing a place costs as much as sealing a short field.
const recentPlaces = new RecentMap<DocumentPlace>(2_000);

export function documentPlace(
  product: string,
  collection: string,
  keyParts: readonly string[],
): DocumentPlace {
  let name = '';
  for (const part of [product, collection, ...keyParts]) name += `${String(part.length)}:${part}`;
  return recentPlaces.getOrMake(name, () => {
    const scope = keyScope('document', product, [collection, ...keyParts]);
    return { product, collection, keyParts, scope, identity: scope.scopeId };
  });
}
