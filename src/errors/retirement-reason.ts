/** Why a MEK version may not be retired yet. @module */

interface Reason {
  /** In words, with what is to be done. */
  readonly message: string;
}

interface RowsReason extends Reason {
  readonly rows: number;
  /** Of the first ten. */
  readonly dekIds: readonly string[];
}

/** New DEKs are wrapped by it, or will be as soon as there is a rotation record. */
export interface CurrentTargetReason extends Reason {
  readonly type: 'current-target';
}

/** As `MekReference`: which MEK version a rotation is to. */
interface RotationTarget {
  readonly keyProvider: string;
  readonly mekName: string;
  readonly mekVersion: string;
}

export interface UnfinishedRotationReason extends Reason {
  readonly type: 'rotation-unfinished';
  readonly epoch: number;
  readonly target: RotationTarget;
  readonly startedAt: string;
}

/** Someone wrote the rotation record during the wait: writers may go by one that was not waited for. */
export interface FenceReason extends Reason {
  readonly type: 'fence';
}

/** Rows whose DEK it unwraps. */
export interface WrappedRowsReason extends RowsReason {
  readonly type: 'rows';
}

/** Rows under another version that keep a wrap under it. */
export interface PreviousWrapsReason extends RowsReason {
  readonly type: 'previous-wraps';
}

/** Rows under neither it nor the rotation's target, or below the rotation's epoch. */
export interface RowsBehindReason extends RowsReason {
  readonly type: 'rows-behind';
}

/** Rows above the rotation's epoch: its record is older than they are, and cannot be relied on. */
export interface RowsAheadReason extends RowsReason {
  readonly type: 'rows-ahead';
}

/** Rows that may be under it, and do not say. */
export interface UnreadableRowsReason extends RowsReason {
  readonly type: 'unreadable-rows';
}

/** Backups of the DEK store from when rows were under it may still be restored. */
export interface BackupsReason extends Reason {
  readonly type: 'backups';
  /** When the last row left it, by stored times; absent while some row is under it, or may be. */
  readonly leftAt?: string;
  /** When the last such backup is gone; without `leftAt` not before. */
  readonly until: string;
}

export type RetirementReason =
  | BackupsReason
  | CurrentTargetReason
  | FenceReason
  | PreviousWrapsReason
  | RowsAheadReason
  | RowsBehindReason
  | UnfinishedRotationReason
  | UnreadableRowsReason
  | WrappedRowsReason;
