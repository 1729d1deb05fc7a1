/** What a rewrap tells whoever drives it. @module */
import type { MekReference } from '../provider/key-wrap.js';
import type { VaultUse } from '../provider/vault-use.js';
import type { ChargedEvent } from './charged-event.js';
import type { FenceEvent } from './fence.js';
import type { RewrapEstimate } from './rewrap-estimate.js';

/** Rows of one pass; `scanned` is always the sum of the others. */
export interface RewrapCounts {
  readonly scanned: number;
  /** Under the target now, and were not before. */
  readonly rewrapped: number;
  /** Under the target already. */
  readonly current: number;
  /** Left alone on purpose: tombstones, and versions other than `sourceVersion`. */
  readonly skipped: number;
  /** Left as they were, because something went wrong with them. */
  readonly failed: number;
  /** Of a dry run: unwrapped and found sound, and not written. */
  readonly wouldRewrap: number;
}

interface RowEvent extends ChargedEvent {
  readonly dekId: string;
  /** Of the pass so far, this row included. */
  readonly counts: RewrapCounts;
}

/** The rotation began, or this run joined one that named the target already. */
export interface BegunEvent extends ChargedEvent {
  readonly type: 'begun';
  readonly epoch: number;
  readonly target: MekReference;
  readonly joined: boolean;
}

/** A scan over all rows begins. */
export interface PassEvent extends ChargedEvent {
  readonly type: 'pass';
  /** From 1 on. */
  readonly pass: number;
  /** `'verify'`: nothing is left to do, and one more scan is to prove it. */
  readonly purpose: 'rewrap' | 'verify';
  /** Rows of the product when the pass began. */
  readonly total: number;
}

export interface RewrappedEvent extends RowEvent {
  readonly type: 'rewrapped';
  readonly from: MekReference;
  /** The primary wrap was broken: the DEK came from the previous one, which is kept. */
  readonly repaired: boolean;
}

/** Only in a dry run. */
export interface WouldRewrapEvent extends RowEvent {
  readonly type: 'would-rewrap';
  readonly from: MekReference;
  readonly repaired: boolean;
}

export interface CurrentEvent extends RowEvent {
  readonly type: 'current';
  /** Only the row's epoch was written, so that no older process can write it any more. */
  readonly epochMoved: boolean;
}

export interface SkippedEvent extends RowEvent {
  readonly type: 'skipped';
  readonly reason: 'other-version' | 'removed' | 'shredded';
}

/** Nothing is known to have been written to the row; `error` says why. The next scan tries it again. */
export interface FailedEvent extends RowEvent {
  readonly type: 'failed';
  readonly error: unknown;
}

/** A scan is over. */
export interface PassedEvent extends ChargedEvent {
  readonly type: 'passed';
  readonly pass: number;
  readonly counts: RewrapCounts;
}

export interface RewrapSummary extends VaultUse {
  readonly product: string;
  readonly epoch: number;
  readonly target: MekReference;
  readonly dryRun: boolean;
  /** Every live row is under the target, at this epoch, and a last scan proved it; never of a dry run. */
  readonly complete: boolean;
  readonly passes: number;
  /** Over all passes. */
  readonly rewrapped: number;
  /** Of these, rows whose primary wrap was broken. */
  readonly repaired: number;
  /** The rest is of the last pass. */
  readonly scanned: number;
  readonly current: number;
  readonly skipped: number;
  readonly failed: number;
  readonly wouldRewrap: number;
  /** Request units of the whole run; absent where the store reported none. */
  readonly requestCharge?: number;
  /** Of a dry run alone. */
  readonly estimate?: RewrapEstimate;
}

/** Always the last event; the same summary is the generator's return value. */
export interface FinishedEvent extends ChargedEvent {
  readonly type: 'finished';
  readonly summary: RewrapSummary;
}

export type RewrapRowEvent =
  CurrentEvent | FailedEvent | RewrappedEvent | SkippedEvent | WouldRewrapEvent;

export type RewrapEvent =
  BegunEvent | FenceEvent | FinishedEvent | PassedEvent | PassEvent | RewrapRowEvent;

type WithoutCounts<E> = E extends RowEvent ? Omit<E, 'counts' | 'requestCharge'> : never;

/** What became of one row. */
export type RowOutcome = WithoutCounts<RewrapRowEvent>;
