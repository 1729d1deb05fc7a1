/** Why a MEK version may not be retired yet. @module */

interface Reason {
  /** The reason in words, with what to do. */
  readonly message: string;
}

interface RowsReason extends Reason {
  readonly rows: number;
  /** The first ten. */
  readonly dekIds: readonly string[];
}

/** New DEKs are wrapped by this version, or will be as soon as a rotation record exists. */
export interface CurrentTargetReason extends Reason {
  readonly type: 'current-target';
}

/** The same as `MekReference`: the MEK version that a rotation moves to. */
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

/** The rotation record was written during the wait: writers may use a copy of it that was not waited for. */
export interface FenceReason extends Reason {
  readonly type: 'fence';
}

/** Rows whose DEK this version unwraps. */
export interface WrappedRowsReason extends RowsReason {
  readonly type: 'rows';
}

/** Rows under another version that keep a previous wrap under this one. */
export interface PreviousWrapsReason extends RowsReason {
  readonly type: 'previous-wraps';
}

/** Rows neither under this version nor under the rotation's target, or below the rotation's epoch. */
export interface RowsBehindReason extends RowsReason {
  readonly type: 'rows-behind';
}

/** Rows above the rotation's epoch: the record is older than they are, and cannot be relied on. */
export interface RowsAheadReason extends RowsReason {
  readonly type: 'rows-ahead';
}

/** Rows that cannot be read, and may be under this version. */
export interface UnreadableRowsReason extends RowsReason {
  readonly type: 'unreadable-rows';
}

/** Backups of the DEK store from the time when rows were under this version may still be restored. */
export interface BackupsReason extends Reason {
  readonly type: 'backups';
  /** When the last row left this version, by stored times; absent while some row is under it, or may be. */
  readonly leftAt?: string;
  /** When the last such backup has expired; without `leftAt`, not before this time. */
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
