/** What a search for missing DEKs tells whoever drives it. @module */
import type { DocumentIdentity } from '../run/scanned-document.js';
import type { ChargedEvent } from '../store/run-charge.js';

/** Documents; `scanned` is always the sum of `sound`, `affected`, `skipped` and `failed`. */
export interface MissingDekCounts {
  readonly scanned: number;
  /** Every DEK that they name has a live row. */
  readonly sound: number;
  /** At least one DEK that they name is missing. */
  readonly affected: number;
  /** Deleted while they were looked at. */
  readonly skipped: number;
  /** Not known: an envelope in them, or a row that one names, cannot be read. */
  readonly failed: number;
  /** DEKs that are missing: one event for each, and a document may miss several. */
  readonly missing: number;
}

interface DocumentEvent extends ChargedEvent {
  readonly key: DocumentIdentity;
  /** So far, this document included. */
  readonly counts: MissingDekCounts;
}

/** A DEK that a document needs, and nobody has. */
export interface MissingDek {
  readonly dekId: string;
  /** What it sealed in the document, declared or not: the first hundred. */
  readonly paths: readonly string[];
  /** `'absent'`: the row is gone, restore it from a backup. `'shredded'`: gone for good, on purpose. */
  readonly reason: 'absent' | 'shredded';
}

export interface MissingDekEvent extends DocumentEvent, MissingDek {
  readonly type: 'missing';
}

export interface MissingDekFailedEvent extends DocumentEvent {
  readonly type: 'failed';
  readonly error: unknown;
}

export interface MissingDeksSummary extends MissingDekCounts {
  readonly product: string;
  readonly collection: string;
  /** Request units of the whole search; absent where the stores reported none. */
  readonly requestCharge?: number;
}

/** Always the last event; the same summary is the generator's return value. */
export interface MissingDeksFinishedEvent extends ChargedEvent {
  readonly type: 'finished';
  readonly summary: MissingDeksSummary;
}

export type MissingDeksEvent = MissingDekEvent | MissingDekFailedEvent | MissingDeksFinishedEvent;

/** What one document turned out to be. */
export type MissingOutcome =
  | {
      readonly type: 'affected';
      readonly key: DocumentIdentity;
      readonly missing: readonly MissingDek[];
    }
  | Omit<MissingDekFailedEvent, 'counts' | 'requestCharge'>
  | { readonly type: 'skipped' | 'sound' };
