/** Why a MEK version may not be retired yet. @module */

interface Reason {
  /** The reason in words, with what to do. */
  readonly message: string;
}

/**
 * - `current-target`: new DEKs are wrapped by this version, or will be as soon as a rotation record exists.
 * - `fence`: the rotation record was written during the wait: writers may use a copy of it that was not waited
 *   for.
 */
interface RecordReason extends Reason {
  readonly type: 'current-target' | 'fence';
}

interface UnfinishedRotationReason extends Reason {
  readonly type: 'rotation-unfinished';
  readonly epoch: number;
  /** The same as `MekReference`: the MEK version that a rotation moves to. */
  readonly target: {
    readonly keyProvider: string;
    readonly mekName: string;
    readonly mekVersion: string;
  };
  readonly startedAt: string;
}

/**
 * - `rows`: rows whose DEK this version unwraps.
 * - `previous-wraps`: rows under another version that keep a previous wrap under this one.
 * - `rows-behind`: rows neither under this version nor under the rotation's target, or below the rotation's epoch.
 * - `rows-ahead`: rows above the rotation's epoch: the record is older than they are, and cannot be relied on.
 * - `other-provider`: rows, their previous wraps, or new DEKs are under the same version and MEK name of another
 *   provider: it may be the same key.
 * - `unreadable-rows`: rows that cannot be read, and may be under this version.
 */
interface RowsReason extends Reason {
  readonly type:
    'other-provider' | 'previous-wraps' | 'rows-ahead' | 'rows-behind' | 'rows' | 'unreadable-rows';
  readonly rows: number;
  /** The first ten. */
  readonly dekIds: readonly string[];
}

/** Backups of the DEK store from the time when rows were under this version may still be restored. */
interface BackupsReason extends Reason {
  readonly type: 'backups';
  /** When the last row left this version, by stored times; absent while some row is under it, or may be. */
  readonly leftAt?: string;
  /** When the last such backup has expired; without `leftAt`, not before this time. */
  readonly until: string;
}

export type RetirementReason = BackupsReason | RecordReason | RowsReason | UnfinishedRotationReason;
