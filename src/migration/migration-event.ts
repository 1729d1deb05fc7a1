/** What a migration of documents tells whoever drives it. @module */
import type { ChargedEvent } from '../rotation/charged-event.js';
import type { FenceEvent } from '../rotation/fence.js';
import type { DocumentIdentity } from './document-identity.js';

/** Which migration it is; the lease names it too. */
export type MigrationKind = 'backfill' | 'reencrypt' | 'remove-encryption';

/** Documents of one pass; `scanned` is always the sum of the others. */
export interface MigrationCounts {
  readonly scanned: number;
  /** Replaced by this run. */
  readonly rewritten: number;
  /** As the migration is to leave them already. */
  readonly current: number;
  /** Left alone on purpose: not selected, or gone in the meantime. */
  readonly skipped: number;
  /** Left as they were, because something is wrong with them. */
  readonly failed: number;
  /** Of a dry run: looked at and found fit, and not replaced. */
  readonly wouldRewrite: number;
}

interface DocumentEvent extends ChargedEvent {
  readonly key: DocumentIdentity;
  /** Of the pass so far, this document included. */
  readonly counts: MigrationCounts;
}

/** The run holds the lease of the collection, or is a dry run and needs none. */
export interface MigrationBegunEvent extends ChargedEvent {
  readonly type: 'begun';
  readonly kind: MigrationKind;
  readonly collection: string;
  /** Who holds the lease from here on; absent in a dry run. */
  readonly owner?: string;
}

/**
 * Someone holds the lease: the run waits until it is refused, because the owner is alive, or takes the
 * lease over, because nothing was heard of the owner for a whole period.
 */
export interface LeaseEvent extends ChargedEvent {
  readonly type: 'lease';
  readonly heldBy: string;
  readonly kind: string;
  readonly heartbeatAt: string;
  /** Until the lease is taken over. */
  readonly remainingMs: number;
}

/** A scan over all documents begins. */
export interface MigrationPassEvent extends ChargedEvent {
  readonly type: 'pass';
  /** From 1 on. */
  readonly pass: number;
  /** `'verify'`: nothing is known to be left to do, and one more scan is to prove it. */
  readonly purpose: 'rewrite' | 'verify';
  /** Documents of the collection when the pass began. */
  readonly total: number;
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
  readonly type: 'rewritten';
  /** Declared values that were sealed or opened; 0 where only the etag had to change. */
  readonly fields: number;
}

/** Only in a dry run. */
export interface WouldRewriteEvent extends DocumentEvent, DekReport {
  readonly type: 'would-rewrite';
  readonly fields: number;
}

export interface CurrentDocumentEvent extends DocumentEvent, DekChanges, DekReport {
  readonly type: 'current';
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

/** A scan is over. */
export interface MigrationPassedEvent extends ChargedEvent {
  readonly type: 'passed';
  readonly pass: number;
  readonly counts: MigrationCounts;
}

export interface MigrationSummary {
  readonly kind: MigrationKind;
  readonly product: string;
  readonly collection: string;
  readonly dryRun: boolean;
  /** A last scan found nothing left to do, and nothing failed; never of a dry run. */
  readonly complete: boolean;
  readonly passes: number;
  /** Over all passes, as are the DEKs and `fields`. */
  readonly rewritten: number;
  readonly fields: number;
  readonly retired: number;
  readonly shredded: number;
  /** The rest is of the last pass. */
  readonly scanned: number;
  readonly current: number;
  readonly skipped: number;
  readonly failed: number;
  readonly wouldRewrite: number;
  /** DEKs that the `misdated` of the last pass's events name; absent where there are none. */
  readonly misdated?: number;
  /** Request units of the whole run; absent where the stores reported none. */
  readonly requestCharge?: number;
}

/** Always the last event; the same summary is the generator's return value. */
export interface MigrationFinishedEvent extends ChargedEvent {
  readonly type: 'finished';
  readonly summary: MigrationSummary;
}

export type MigratedDocumentEvent =
  | CurrentDocumentEvent
  | FailedDocumentEvent
  | RewrittenEvent
  | SkippedDocumentEvent
  | WouldRewriteEvent;

export type MigrationEvent =
  | FenceEvent
  | LeaseEvent
  | MigratedDocumentEvent
  | MigrationBegunEvent
  | MigrationFinishedEvent
  | MigrationPassedEvent
  | MigrationPassEvent;

type WithoutCounts<E> = E extends DocumentEvent ? Omit<E, 'counts' | 'requestCharge'> : never;

/** What became of one document. */
export type DocumentOutcome = WithoutCounts<MigratedDocumentEvent>;
