/** What a search for orphaned DEKs tells whoever drives it. @module */
import type { DocumentIdentity } from '../run/scanned-document.js';
import type { ChargedEvent } from '../store/run-charge.js';
import type { LiveDekRow } from '../format/dek-row.js';

/** Rows of the product; `scanned` is always the sum of the others. */
export interface OrphanDekCounts {
  readonly scanned: number;
  /** Their document is gone. */
  readonly orphans: number;
  /** Their document is there. */
  readonly present: number;
  /** Younger than `minAgeMs`: their document may still be on its way. */
  readonly young: number;
  /** Tombstones, rows of other collections, and rows that documents share. */
  readonly skipped: number;
  /** Not known: the row cannot be read, or its document could not be looked up. */
  readonly failed: number;
}

interface RowEvent extends ChargedEvent {
  readonly dekId: string;
  /** So far, this row included. */
  readonly counts: OrphanDekCounts;
}

/** The row's document is gone, and the row is not. */
export interface OrphanDekEvent extends RowEvent {
  readonly type: 'orphan';
  /** Of the document that is gone. */
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
export interface OrphanDeksFinishedEvent extends ChargedEvent {
  readonly type: 'finished';
  readonly summary: OrphanDeksSummary;
}

export type OrphanDeksEvent = OrphanDekEvent | OrphanDekFailedEvent | OrphanDeksFinishedEvent;

/** What one row turned out to be. */
export type OrphanOutcome =
  | Omit<OrphanDekEvent, 'counts' | 'requestCharge'>
  | Omit<OrphanDekFailedEvent, 'counts' | 'requestCharge'>
  | { readonly type: 'present' | 'skipped' | 'young' };
