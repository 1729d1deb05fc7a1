/** Tells for one DEK row whether its document is gone. @module */
import { type DocumentIdentity, lookUpDocument } from '../run/scanned-document.js';
import { isLive, type DekRow, type LiveDekRow } from '../format/dek-row.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { idOf, rowIn } from '../run/scanned-row.js';
import type { StoredItem } from '../store/dek-store.js';
import type { DocumentSearchContext } from '../run/search.js';
import type { OrphanOutcome } from './orphan-event.js';

export interface OrphanCheckParts extends DocumentSearchContext {
  readonly minAgeMs: number;
}

/** @throws The signal's reason; whatever else goes wrong is the row's outcome. */
export async function checkForOrphan(
  parts: OrphanCheckParts,
  item: StoredItem,
): Promise<OrphanOutcome> {
  try {
    return await outcomeOf(parts, item);
  } catch (error) {
    parts.signal?.throwIfAborted();
    return { type: 'failed', dekId: idOf(item), error };
  }
}

async function outcomeOf(parts: OrphanCheckParts, item: StoredItem): Promise<OrphanOutcome> {
  const { product, definition, documentStore, signal } = parts;
  const row = rowIn(item, product);
  if (!isOwnRow(row, definition)) return { type: 'skipped' };
  const key = keyIn(row, definition);
  if (isYoung(row, parts)) return { type: 'young' };
  if (await lookUpDocument(documentStore, key, signal)) return { type: 'present' };
  return goneDocument(parts, row.id, key);
}

/**
 * The row once more, because a caller who deletes a document shreds its DEK after that, and may have
 * done both since the page was read.
 */
async function goneDocument(
  { product, dekStore, signal }: OrphanCheckParts,
  dekId: string,
  key: DocumentIdentity,
): Promise<OrphanOutcome> {
  const item = await dekStore.get(dekId, { signal });
  const row = item && rowIn(item, product);
  if (!row || !isLive(row)) return { type: 'skipped' };
  const { state, createdAt } = row;
  return { type: 'orphan', dekId, key, state, createdAt };
}

function isOwnRow(row: DekRow, { collection }: AnyDefinition): row is LiveDekRow {
  return isLive(row) && row.scopeKind === 'document' && row.scope[0] === collection;
}

function keyIn({ id, scope }: LiveDekRow, { key, collection }: AnyDefinition): DocumentIdentity {
  const parts = scope.slice(1);
  if (parts.length !== key.length) {
    throw new RangeError(
      `DEK row ${id} names a document of "${collection}" by ${String(parts.length)} key parts, and the definition has ${String(key.length)}: pass the definition that the document was encrypted with`,
    );
  }
  return Object.fromEntries(key.map((name, index) => [name, parts[index] as string]));
}

/** A row from the future is young too: some clock is wrong, and nothing is lost by waiting. */
function isYoung({ createdAt }: LiveDekRow, { clock, minAgeMs }: OrphanCheckParts): boolean {
  return clock.wallMs() - Date.parse(createdAt) < minAgeMs;
}
