/** What a search for rows that cannot be read tells whoever drives it. @module */
import type { ChargedEvent } from '../store/run-charge.js';

/** Rows of the product, of any state; `scanned` is always the sum of the others. */
export interface UnreadableRowCounts {
  readonly scanned: number;
  readonly readable: number;
  readonly unreadable: number;
}

export interface UnreadableRowEvent extends ChargedEvent {
  readonly type: 'unreadable';
  readonly dekId: string;
  /** The parts of the row's scope, where they are in it and belong to the dekId. */
  readonly scope?: readonly string[];
  /** `TAMPERED`, `ROW_UNSUPPORTED`, or why the store could not decode it. */
  readonly error: unknown;
  /** So far, this row included. */
  readonly counts: UnreadableRowCounts;
}

export interface UnreadableRowsSummary extends UnreadableRowCounts {
  readonly product: string;
  /** Request units of the whole search; absent where the store reported none. */
  readonly requestCharge?: number;
}

/** Always the last event; the same summary is the generator's return value. */
export interface UnreadableRowsFinishedEvent extends ChargedEvent {
  readonly type: 'finished';
  readonly summary: UnreadableRowsSummary;
}

export type UnreadableRowsEvent = UnreadableRowEvent | UnreadableRowsFinishedEvent;
