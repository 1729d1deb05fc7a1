/** Gives a document a new etag, and leaves its content as it is. @module */
import type { DocumentIdentity } from './document-identity.js';
import { lookUpDocument } from './document-lookup.js';
import type { MigrationContext } from './migration-context.js';
import { NotSelected } from './selecting-updater.js';

/**
 * Afterwards the document has another etag than when this was called, whoever gave it to it: no write
 * over an earlier etag can land any more. A document that is gone has none.
 *
 * @throws NotSelected, with nothing written.
 */
export async function touchDocument(
  { store, signal, request }: Pick<MigrationContext, 'request' | 'signal' | 'store'>,
  key: DocumentIdentity,
): Promise<void> {
  const first = await lookUpDocument(store, key, signal);
  if (!first) return;
  if (request.select?.(first.document) === false) throw new NotSelected();
  try {
    await store.replace(first.document, first.etag, { signal });
  } catch (error) {
    // Someone else's write does as well, and so does an own one whose answer was lost.
    if ((await lookUpDocument(store, key, signal))?.etag === first.etag) throw error;
  }
}
