/** What a rewrap tells whoever drives it. @module */
import type { MekReference } from '../provider/key-wrap.js';
import type { VaultUse } from '../provider/vault-use.js';
import type { ChargedEvent } from './charged-event.js';
import type { FenceEvent } from './fence.js';
import type { RewrapEstimate } from './rewrap-estimate.js';
import type { RewrapShard } from './rewrap-shard.js';

/** Rows of one pass; `scanned` is always the sum of the others. */
export interface RewrapCounts {
  readonly scanned: number;
  /** Under the target now, and were not before. */
  readonly rewrapped: number;
  /** Under the target already. */
  readonly current: number;
  /** Left alone on purpose: tombstones, versions other than `sourceVersion`, other workers' rows. */
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
  /** The run's own, where it has one. */
  readonly shard?: RewrapShard;
}

/** A scan begins. */
export interface PassEvent extends ChargedEvent {
  readonly type: 'pass';
  /** From 1 on. */
  readonly pass: number;
  /** `'verify'`: nothing is left to do, and one more scan is to prove it. */
  readonly purpose: 'rewrap' | 'verify';
  /** Rows that the scan is over, when it began. */
  readonly total: number;
  /** The scan is over this shard alone; absent where it is over all rows of the product. */
  readonly shard?: RewrapShard;
}

export interface RewrappedEvent extends RowEvent {
  readonly type: 'rewrapped';
  readonly from: MekReference;
  /**
   * The primary wrap was broken, or in a recovery its MEK is gone: the DEK came from the previous one,
   * which is kept.
   */
  readonly repaired: boolean;
  /** Only of a rollback: the wrap that the row had kept came back, and nothing was unwrapped for it. */
  readonly flipped: boolean;
  /** Only of `recoverDeks`: the DEK came out of the recovery wrap, and `from` is what it was under. */
  readonly recovered?: true;
}

/** Only in a dry run. */
export interface WouldRewrapEvent extends RowEvent {
  readonly type: 'would-rewrap';
  readonly from: MekReference;
  readonly repaired: boolean;
  readonly flipped: boolean;
  readonly recovered?: true;
}

export interface CurrentEvent extends RowEvent {
  readonly type: 'current';
  /** Only the row's epoch was written, so that no older process can write it any more. */
  readonly epochMoved: boolean;
}

export interface SkippedEvent extends RowEvent {
  readonly type: 'skipped';
  /** `'other-shard'`: not done yet, and left to the worker that it is dealt to, until a later scan. */
  readonly reason: 'other-shard' | 'other-version' | 'removed' | 'shredded';
}

/** Nothing is known to have been written to the row; `error` says why. The next scan tries it again. */
export interface FailedEvent extends RowEvent {
  readonly type: 'failed';
  readonly error: unknown;
  /** Only of `recoverDeks`: nothing that is at hand opens this DEK, now or at another try. */
  readonly loss?: DekLoss;
}

/** Why a DEK cannot be recovered, its own wraps apart, which do not open either. */
export type DekLossReason =
  /** The row has no recovery wrap. */
  | 'no-recovery-wrap'
  /** Its recovery wrap is for another recovery key. */
  | 'other-recovery-key'
  /** Its recovery wrap does not open with the private key that it names: it was changed. */
  | 'broken-recovery-wrap'
  /** What came out of the recovery wrap is not the DEK that the row commits to. */
  | 'commitment-mismatch'
  /** The row itself cannot be read. */
  | 'unreadable-row';

export interface DekLoss {
  readonly reason: DekLossReason;
  /** The scope's parts: for a document, its collection and key parts. Absent where unreadable. */
  readonly scope?: readonly string[];
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
  /** The run's own, where it has one. */
  readonly shard?: RewrapShard;
  /** Every live row is under the target, at this epoch, and a last scan proved it; never of a dry run. */
  readonly complete: boolean;
  readonly passes: number;
  /** Over all passes. */
  readonly rewrapped: number;
  /** Of these, rows whose primary wrap was broken. */
  readonly repaired: number;
  /** Of these, rows that a rollback put back under the wrap that they had kept. */
  readonly flipped: number;
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
