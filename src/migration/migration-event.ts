/** The events and the summary of a migration of documents. @module */
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
import type { ChargedEvent } from '../store/run-charge.js';
import type { DocumentIdentity } from '../run/scanned-document.js';

interface DocumentEvent extends ItemEvent {
  readonly key: DocumentIdentity;
}

/** The run holds the lease of the collection, or is a dry run and needs none. */
export interface MigrationBegunEvent extends RunBegunEvent {
  readonly collection: string;
  /** The owner of the lease from here on; absent in a dry run. */
  readonly owner?: string;
}

/**
 * Another run holds the lease. This run waits until it is refused, because the owner is alive, or takes the
 * lease over, after a whole period without a heartbeat of the owner.
 */
export interface LeaseEvent extends ChargedEvent {
  readonly type: 'lease';
  readonly heldBy: string;
  readonly kind: string;
  readonly heartbeatAt: string;
  /** Time until the lease is taken over. */
  readonly remainingMs: number;
}

/** DEKs of a document whose state a re-encryption changed; absent where it changed none. */
export interface DekChanges {
  /** DEKs that still open, and seal no more. */
  readonly retired?: readonly string[];
  /** DEKs that are permanently deleted. */
  readonly shredded?: readonly string[];
}

/**
 * What a re-encryption reports about a document's DEKs in addition to its changes; absent where there is
 * nothing.
 */
export interface DekReport {
  /**
   * Old DEKs, in any state, whose rows claim to be created after the re-encryption began: because of a clock
   * that is ahead, an edited row, or a process that did not know of the re-encryption yet. They are replaced
   * like the others.
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

export interface RecordedPath {
  readonly path: string;
  /** What the last scan found under it. */
  readonly envelopes: number;
  /** It is no longer in the record; never in a dry run. */
  readonly forgotten: boolean;
}

/** `fields`, `retired` and `shredded` are over all passes, like `changed`. */
export interface MigrationSummary extends RunSummary {
  readonly collection: string;
  readonly fields: number;
  readonly retired: number;
  readonly shredded: number;
  /** DEKs that events of the last pass report as `misdated`; absent where there are none. */
  readonly misdated?: number;
  /**
   * Declared paths that none of the scanned documents had, where there were 100 or more: often they are
   * misspelt, and what they should encrypt stays in clear. Absent where there are none.
   */
  readonly neverSeen?: readonly string[];
  /** Only of `forgetPaths`: the paths of the definitions record that the definition does not seal. */
  readonly paths?: readonly RecordedPath[];
  /** Only in a dry run. */
  readonly estimate?: RunEstimate;
}

export type MigratedDocumentEvent =
  | FailedDocumentEvent
  | RewrittenEvent
  | SkippedDocumentEvent
  | UnchangedDocumentEvent
  | WouldRewriteEvent;

/** Every event of a migration except the last. */
export type MigrationStepEvent =
  FenceEvent | LeaseEvent | MigratedDocumentEvent | MigrationBegunEvent | PassedEvent | PassEvent;

export type MigrationEvent = FinishedEvent<MigrationSummary> | MigrationStepEvent;

/** The outcome of one document. */
export type DocumentOutcome = OutcomeOf<MigratedDocumentEvent>;
