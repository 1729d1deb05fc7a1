/** Encrypts a list of documents, with an outcome for each. @module */
import { placeOf } from '../document/document-draft.js';
import type { CallOptions } from '../async/abort.js';
import { mapConcurrently } from '../async/concurrency.js';
import type { ShredToken } from '../dek/dek.js';
import type { DekServices } from '../dek/dek-services.js';
import type { AnyDefinition } from '../document/typed-document.js';
import type { DecryptOutcome } from './document-reader.js';
import type { DocumentWriter } from './document-writer.js';

export interface ListEncryption extends CallOptions {
  readonly definition: AnyDefinition;
  readonly list: readonly object[];
  readonly concurrency: number;
}

type Outcome = DecryptOutcome<Record<string, unknown>>;

/** @throws The signal's reason, once nothing is in flight. */
export async function encryptList(
  { deks, writer }: { readonly deks: DekServices; readonly writer: DocumentWriter },
  { definition, list, concurrency, signal }: ListEncryption,
): Promise<Outcome[]> {
  signal?.throwIfAborted();
  const begun = tokensOf(deks, definition, list);
  const encrypt = async (document: object): Promise<Outcome> => {
    try {
      const written = await writer.write(definition, document, signal, begun);
      return { ok: true, document: written.document };
    } catch (error) {
      signal?.throwIfAborted();
      return { ok: false, error };
    }
  };
  return mapConcurrently(list, encrypt, { concurrency, signal });
}

/** Taken for the whole list: the call has begun, also for documents that are sealed after a shred. */
function tokensOf(
  { context, tokens }: DekServices,
  definition: AnyDefinition,
  list: readonly object[],
): ReadonlyMap<string, ShredToken> {
  const begun = new Map<string, ShredToken>();
  for (const document of list) {
    const scopeId = scopeIdOf(definition, context.product, document);
    if (scopeId !== undefined && !begun.has(scopeId)) begun.set(scopeId, tokens.of(scopeId));
  }
  return begun;
}

function scopeIdOf(
  definition: AnyDefinition,
  product: string,
  document: object,
): string | undefined {
  try {
    return placeOf(definition, product, document).scope.scopeId;
  } catch {
    // Encrypting it fails likewise, and gives its outcome.
    return undefined;
  }
}
