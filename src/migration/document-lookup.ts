/** Reads one document, and makes sure that "absent" is what the store said. @module */
import { brokenContract } from '../errors.js';
import { isPlainObject } from '../guards.js';
import type { DocumentIdentity } from './document-identity.js';
import type { AnyDocumentItem, AnyDocumentStore } from './document-pages.js';

/** `undefined` only for a document that is truly absent; anything odd must not pass for that. */
export async function lookUpDocument(
  store: AnyDocumentStore,
  key: DocumentIdentity,
  signal: AbortSignal | undefined,
): Promise<AnyDocumentItem | undefined> {
  const answer: unknown = await store.get(key, { signal });
  if (answer === undefined) return undefined;
  const { document, etag } = (answer ?? {}) as Partial<AnyDocumentItem>;
  if (isPlainObject(document) && typeof etag === 'string') return answer as AnyDocumentItem;
  throw brokenContract('document store', 'D2', 'get answered with something else');
}
