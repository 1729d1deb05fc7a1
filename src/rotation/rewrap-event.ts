/** What a rotation reports as it goes, and in the end. @module */
import type { MekReference } from '../format/key-wrap.js';
import type {
  FenceEvent,
  FinishedEvent,
  ItemEvent,
  OutcomeOf,
  PassedEvent,
  PassEvent,
  RunBegunEvent,
  RunSummary,
} from '../run/run-event.js';
import type { RewrapEstimate } from './rewrap-estimate.js';
import type { RewrapShard } from './rewrap-passes.js';

interface RowEvent extends ItemEvent {
  readonly dekId: string;
}

/** The rotation began, or this run joined one that named the target already. */
export interface RewrapBegunEvent extends RunBegunEvent {
  readonly epoch: number;
  readonly target: MekReference;
  readonly joined: boolean;
  /** The run's own, where it has one. */
  readonly shard?: RewrapShard;
}

export interface RewrapPassEvent extends PassEvent {
  /** The scan is over this shard alone; absent where it is over all rows of the product. */
  readonly shard?: RewrapShard;
}

interface RewrapFacts {
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

/** The row is under the target now, and was not before. */
export interface RewrappedEvent extends RowEvent, RewrapFacts {
  readonly type: 'changed';
}

/** Only in a dry run. */
export interface WouldRewrapEvent extends RowEvent, RewrapFacts {
  readonly type: 'would-change';
}

/** The row is under the target already. */
export interface UnchangedRowEvent extends RowEvent {
  readonly type: 'unchanged';
  /** Only the row's epoch was written, so that no older process can write it any more. */
  readonly epochOnly: boolean;
}

export interface SkippedRowEvent extends RowEvent {
  readonly type: 'skipped';
  /** `'other-shard'`: not done yet, and left to the worker that it belongs to, until a later scan. */
  readonly reason: 'other-shard' | 'other-version' | 'removed' | 'shredded';
}

/** Nothing is known to have been written to the row; `error` says why. The next scan tries it again. */
export interface FailedRowEvent extends RowEvent {
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

/** `complete`: every live row is under the target, at this epoch, and a last scan proved it. */
export interface RewrapSummary extends RunSummary {
  readonly epoch: number;
  readonly target: MekReference;
  /** The run's own, where it has one. */
  readonly shard?: RewrapShard;
  /** Of `changed`, rows whose primary wrap was broken. */
  readonly repaired: number;
  /** Of `changed`, rows that a rollback put back under the wrap that they had kept. */
  readonly flipped: number;
  /** Rows of all passes of which the epoch alone was written; they count as `unchanged`. */
  readonly epochOnly: number;
  /** Of a dry run alone. */
  readonly estimate?: RewrapEstimate;
}

export type RewrapRowEvent =
  FailedRowEvent | RewrappedEvent | SkippedRowEvent | UnchangedRowEvent | WouldRewrapEvent;

/** Every event of a rotation but the last. */
export type RewrapStepEvent =
  FenceEvent | PassedEvent | RewrapBegunEvent | RewrapPassEvent | RewrapRowEvent;

export type RewrapEvent = FinishedEvent<RewrapSummary> | RewrapStepEvent;

/** What became of one row. */
export type RowOutcome = OutcomeOf<RewrapRowEvent>;
