/** The events and the summary of a rotation. @module */
import type { MekReference } from '../format/dek-row.js';
import type {
  FailedRowEvent,
  FenceEvent,
  FinishedEvent,
  OutcomeOf,
  PassedEvent,
  PassEvent,
  RowEvent,
  RunBegunEvent,
  RunSummary,
} from '../run/run-event.js';
import type { RewrapEstimate } from './rewrap-dry-run.js';
import type { RewrapShard } from './rewrap-run.js';

/** The rotation began, or this run joined one to the same target. */
export interface RewrapBegunEvent extends RunBegunEvent {
  readonly epoch: number;
  readonly target: MekReference;
  readonly joined: boolean;
  /** The shard of this run, if any. */
  readonly shard?: RewrapShard;
}

export interface RewrapPassEvent extends PassEvent {
  /** The scan covers this shard alone; absent where it covers all rows of the product. */
  readonly shard?: RewrapShard;
}

interface RewrapFacts {
  readonly from: MekReference;
  /**
   * The primary wrap was broken, or in a recovery its MEK is gone: the DEK was unwrapped from the previous
   * wrap, which the row keeps.
   */
  readonly repaired: boolean;
  /** Only in a rollback: the previous wrap was restored, without unwrapping anything. */
  readonly flipped: boolean;
  /**
   * Only in `recoverDeks`: the DEK was unwrapped from the recovery wrap, and `from` is the version that it
   * was under.
   */
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

/** The row was already under the target. */
export interface UnchangedRowEvent extends RowEvent {
  readonly type: 'unchanged';
  /** Only the row's epoch was written, so that no older process can write the row any more. */
  readonly epochOnly: boolean;
}

export interface SkippedRowEvent extends RowEvent {
  readonly type: 'skipped';
  /** `'other-shard'`: left to the worker whose shard it is, until a later scan. */
  readonly reason: 'other-shard' | 'other-version' | 'removed' | 'shredded';
}

export interface FailedRewrapEvent extends FailedRowEvent {
  /** Only in `recoverDeks`: nothing that is available opens this DEK, now or in another attempt. */
  readonly loss?: DekLoss;
}

/** Why a DEK cannot be recovered; its own wraps do not open either. */
export type DekLossReason =
  /** The row has no recovery wrap. */
  | 'no-recovery-wrap'
  /** Its recovery wrap is for another recovery key. */
  | 'other-recovery-key'
  /** Its recovery wrap does not open with the private key that it names: the wrap was changed. */
  | 'broken-recovery-wrap'
  /** The recovery wrap holds another DEK than the one in the row's commitment. */
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
  /** The shard of this run, if any. */
  readonly shard?: RewrapShard;
  /** Rows among `changed` whose primary wrap was broken. */
  readonly repaired: number;
  /** Rows among `changed` whose previous wrap a rollback restored. */
  readonly flipped: number;
  /** Rows of all passes of which only the epoch was written; they count as `unchanged`. */
  readonly epochOnly: number;
  /** Only in a dry run. */
  readonly estimate?: RewrapEstimate;
}

export type RewrapRowEvent =
  FailedRewrapEvent | RewrappedEvent | SkippedRowEvent | UnchangedRowEvent | WouldRewrapEvent;

/** Every event of a rotation except the last. */
export type RewrapStepEvent =
  FenceEvent | PassedEvent | RewrapBegunEvent | RewrapPassEvent | RewrapRowEvent;

export type RewrapEvent = FinishedEvent<RewrapSummary> | RewrapStepEvent;

/** The outcome of one row. */
export type RowOutcome = OutcomeOf<RewrapRowEvent>;
