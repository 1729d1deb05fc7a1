/** What an upkeep of DEK rows tells whoever drives it. @module */
import type { VaultUse } from '../provider/vault-use.js';
import type { ChargedEvent } from '../rotation/charged-event.js';

export type UpkeepKind = 'add-recovery-wraps' | 'prune' | 'reseal';

/** Rows of one pass; `scanned` is always the sum of the others. */
export interface UpkeepCounts {
  readonly scanned: number;
  /** Written by this run. */
  readonly changed: number;
  /** As they are to be already. */
  readonly current: number;
  /** Left alone on purpose. */
  readonly skipped: number;
  /** Left as they were, because something went wrong with them. */
  readonly failed: number;
  /** Of a dry run: found sound, and not written. */
  readonly wouldChange: number;
}

interface RowEvent extends ChargedEvent {
  readonly dekId: string;
  /** Of the pass so far, this row included. */
  readonly counts: UpkeepCounts;
}

export interface UpkeepBegunEvent extends ChargedEvent {
  readonly type: 'begun';
  readonly kind: UpkeepKind;
  readonly product: string;
}

/** A scan over all rows begins. */
export interface UpkeepPassEvent extends ChargedEvent {
  readonly type: 'pass';
  /** From 1 on. */
  readonly pass: number;
  /** `'verify'`: another scan is to prove that nothing is left to do. */
  readonly purpose: 'change' | 'verify';
  /** Rows of the product when the pass began. */
  readonly total: number;
}

export interface UpkeepChangedEvent extends RowEvent {
  readonly type: 'changed';
}

/** Only in a dry run. */
export interface UpkeepWouldChangeEvent extends RowEvent {
  readonly type: 'would-change';
}

export interface UpkeepCurrentEvent extends RowEvent {
  readonly type: 'current';
}

export interface UpkeepSkippedEvent extends RowEvent {
  readonly type: 'skipped';
  readonly reason: 'not-selected' | 'removed' | 'shredded';
}

/** Nothing is known to have been written to the row; `error` says why. The next scan tries it again. */
export interface UpkeepFailedEvent extends RowEvent {
  readonly type: 'failed';
  readonly error: unknown;
}

/** A scan is over. */
export interface UpkeepPassedEvent extends ChargedEvent {
  readonly type: 'passed';
  readonly pass: number;
  readonly counts: UpkeepCounts;
}

export interface UpkeepSummary extends VaultUse {
  readonly kind: UpkeepKind;
  readonly product: string;
  readonly dryRun: boolean;
  /** A last scan found nothing to do, and nothing failed; never of a dry run. */
  readonly complete: boolean;
  readonly passes: number;
  /** Over all passes. */
  readonly changed: number;
  /** The rest is of the last pass. */
  readonly scanned: number;
  readonly current: number;
  readonly skipped: number;
  readonly failed: number;
  readonly wouldChange: number;
  /** Request units of the whole run; absent where the store reported none. */
  readonly requestCharge?: number;
}

/** Always the last event; the same summary is the generator's return value. */
export interface UpkeepFinishedEvent extends ChargedEvent {
  readonly type: 'finished';
  readonly summary: UpkeepSummary;
}

export type UpkeepRowEvent =
  | UpkeepChangedEvent
  | UpkeepCurrentEvent
  | UpkeepFailedEvent
  | UpkeepSkippedEvent
  | UpkeepWouldChangeEvent;

export type UpkeepEvent =
  UpkeepBegunEvent | UpkeepFinishedEvent | UpkeepPassedEvent | UpkeepPassEvent | UpkeepRowEvent;

type WithoutCounts<E> = E extends RowEvent ? Omit<E, 'counts' | 'requestCharge'> : never;

/** What became of one row. */
export type UpkeepOutcome = WithoutCounts<UpkeepRowEvent>;
