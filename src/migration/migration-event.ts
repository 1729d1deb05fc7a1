/** What a migration of documents reports as it goes, and in the end. @module */
import type {
  FenceEvent,
  FinishedEvent,
  ItemEvent,
  OutcomeOf,
  PassedEvent,
  PassEvent,
  RunBegunEvent,
  RunEstimate,
  RunSummary,
} from '../run/run-event.js';
import type { ChargedEvent } from '../store/metered-dek-store.js';
import type { DocumentIdentity } from '../run/scanned-document.js';

interface DocumentEvent extends ItemEvent {
  readonly key: DocumentIdentity;
}

/** The run holds the lease of the collection, or is a dry run and needs none. */
export interface MigrationBegunEvent extends RunBegunEvent {
  readonly collection: string;
  /** Who holds the lease from here on; absent in a dry run. */
  readonly owner?: string;
}

/**
 * Another run holds the lease: this one waits until it is refused, because the owner is alive, or takes
 * the lease over, because nothing was heard of the owner for a whole period.
 */
export interface LeaseEvent extends ChargedEvent {
  readonly type: 'lease';
  readonly heldBy: string;
  readonly kind: string;
  readonly heartbeatAt: string;
  /** Until the lease is taken over. */
  readonly remainingMs: number;
}

/** DEKs of a document whose state a re-encryption changed; absent where it changed none. */
export interface DekChanges {
  /** Open still, and seal no more. */
  readonly retired?: readonly string[];
  /** Gone for good. */
  readonly shredded?: readonly string[];
}

/** What a re-encryption says of a document's DEKs beside what it did; absent where there is nothing. */
export interface DekReport {
  /**
   * Old DEKs, in whatever state by now, that say that they were made after the re-encryption began: by a
   * clock that is ahead, in a row that was edited, or by a process that did not know of it yet. They are
   * replaced as the others are.
   */
  readonly misdated?: readonly string[];
}

/** The document was replaced, and the write is durable. */
export interface RewrittenEvent extends DocumentEvent, DekChanges, DekReport {
  readonly type: 'changed';
  /** Declared values that were sealed or opened; 0 where only the etag had to change. */
  readonly fields: number;
}

/** Only in a dry run. */
export interface WouldRewriteEvent extends DocumentEvent, DekReport {
  readonly type: 'would-change';
  readonly fields: number;
}

export interface UnchangedDocumentEvent extends DocumentEvent, DekChanges, DekReport {
  readonly type: 'unchanged';
}

export interface SkippedDocumentEvent extends DocumentEvent {
  readonly type: 'skipped';
  readonly reason: 'not-selected' | 'removed';
}

/** Nothing is known to have been written to the document; `error` says why. */
export interface FailedDocumentEvent extends DocumentEvent {
  readonly type: 'failed';
  readonly error: unknown;
}

/** `fields`, `retired` and `shredded` are over all passes, as `changed` is. */
export interface MigrationSummary extends RunSummary {
  readonly collection: string;
  readonly fields: number;
  readonly retired: number;
  readonly shredded: number;
  /** DEKs that the `misdated` of the last pass's events name; absent where there are none. */
  readonly misdated?: number;
  /** Of a dry run alone. */
  readonly estimate?: RunEstimate;
}

export type MigratedDocumentEvent =
  | FailedDocumentEvent
  | RewrittenEvent
  | SkippedDocumentEvent
  | UnchangedDocumentEvent
  | WouldRewriteEvent;

/** Every event of a migration but the last. */
export type MigrationStepEvent =
  FenceEvent | LeaseEvent | MigratedDocumentEvent | MigrationBegunEvent | PassedEvent | PassEvent;

export type MigrationEvent = FinishedEvent<MigrationSummary> | MigrationStepEvent;

/** What became of one document. */
export type DocumentOutcome = OutcomeOf<MigratedDocumentEvent>;
