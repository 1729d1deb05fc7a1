/** Reads one document, and makes sure that "absent" is what the store said. @module */
import { checkedItem } from '../cipher/document-updater.js';
import type { DocumentIdentity } from './document-identity.js';
import type { AnyDocumentItem, AnyDocumentStore } from './document-pages.js';

/** `undefined` only for a document that is truly absent; anything odd must not pass for that. */
export async function lookUpDocument(
  store: AnyDocumentStore,
  key: DocumentIdentity,
  signal: AbortSignal | undefined,
): Promise<AnyDocumentItem | undefined> {
  const answer: unknown = await store.get(key, { signal });
  return answer === undefined ? undefined : checkedItem(answer);
}
