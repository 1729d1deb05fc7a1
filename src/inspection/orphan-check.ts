/** Checks for one DEK row whether its document is deleted. @module */
import type { AnyDefinition } from '../document/typed-document.js';
import { isLive, type DekRow, type LiveDekRow } from '../format/dek-row.js';
import { type DocumentIdentity, lookUpDocument } from '../run/scanned-document.js';
import { idOf, rowIn } from '../run/change-row.js';
import type { DocumentSearchContext } from '../run/search.js';
import type { StoredItem } from '../store/dek-store.js';
import type { ChargedEvent } from '../store/metered-dek-store.js';

/** Rows of the product; `scanned` is always the sum of the others. */
export interface OrphanDekCounts {
  readonly scanned: number;
  /** Rows whose document is deleted. */
  readonly orphans: number;
  /** Rows whose document exists. */
  readonly present: number;
  /** Younger than `minAgeMs`: their document may not be written yet. */
  readonly young: number;
  /** Tombstones, rows of other collections, and rows of shared scopes. */
  readonly skipped: number;
  /** Unknown: the row cannot be read, or its document could not be read. */
  readonly failed: number;
}

interface RowEvent extends ChargedEvent {
  readonly dekId: string;
  /** Counts so far, this row included. */
  readonly counts: OrphanDekCounts;
}

/** The row's document is deleted, and the row is not. */
export interface OrphanDekEvent extends RowEvent {
  readonly type: 'orphan';
  /** The key of the deleted document. */
  readonly key: DocumentIdentity;
  readonly state: LiveDekRow['state'];
  readonly createdAt: string;
}

export interface OrphanDekFailedEvent extends RowEvent {
  readonly type: 'failed';
  readonly error: unknown;
}

export interface OrphanDeksSummary extends OrphanDekCounts {
  readonly product: string;
  readonly collection: string;
  /** Request units of the whole search; absent where the stores reported none. */
  readonly requestCharge?: number;
}

/** Always the last event; the same summary is the generator's return value. */
interface OrphanDeksFinishedEvent extends ChargedEvent {
  readonly type: 'finished';
  readonly summary: OrphanDeksSummary;
}

export type OrphanDeksEvent = OrphanDekEvent | OrphanDekFailedEvent | OrphanDeksFinishedEvent;

/** The outcome of one row. */
export type OrphanOutcome =
  | Omit<OrphanDekEvent, 'counts' | 'requestCharge'>
  | Omit<OrphanDekFailedEvent, 'counts' | 'requestCharge'>
  | { readonly type: 'present' | 'skipped' | 'young' };

export interface OrphanCheckParts extends DocumentSearchContext {
  readonly minAgeMs: number;
}

/** @throws The signal's reason; any other failure is the row's outcome. */
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
 * Reads the row again: a caller that deletes a document shreds its DEK after that, and may have done both
 * since the page was read.
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

/** A row from the future counts as young: some clock is wrong, and waiting loses nothing. */
function isYoung({ createdAt }: LiveDekRow, { clock, minAgeMs }: OrphanCheckParts): boolean {
  return clock.wallMs() - Date.parse(createdAt) < minAgeMs;
}
