/** Where a document lives: what its ciphertexts are bound to. @module */
import { keyScope, type KeyScope } from './key-scope.js';

export interface DocumentPlace {
  readonly product: string;
  readonly collection: string;
  /** Values of the definition's key properties, in its order. */
  readonly keyParts: readonly string[];
  /** Whose DEK seals the document. */
  readonly scope: KeyScope;
  /** Equal for two places exactly when collection and key parts are equal. */
  readonly identity: string;
}

export function documentPlace(
  product: string,
  collection: string,
  keyParts: readonly string[],
): DocumentPlace {
  const parts = [collection, ...keyParts];
  const scope = keyScope('document', product, parts);
  return { product, collection, keyParts, scope, identity: scope.scopeId };
}
