/** Why a MEK version may not be retired yet. @module */
import { describeMek, type MekReference } from '../provider/key-wrap.js';

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

export interface UnfinishedRotationReason extends Reason {
  readonly type: 'rotation-unfinished';
  readonly epoch: number;
  readonly target: MekReference;
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

/** Some rows out of many: how many, and the first of them by name. */
export class NamedRows {
  static readonly #MOST_NAMED = 10;
  readonly #dekIds: string[] = [];
  #rows = 0;

  get rows(): number {
    return this.#rows;
  }

  get dekIds(): readonly string[] {
    return this.#dekIds;
  }

  add(dekId: string): void {
    this.#rows += 1;
    if (this.#dekIds.length < NamedRows.#MOST_NAMED) this.#dekIds.push(dekId);
  }
}

const MOST_IN_MESSAGE = 3;

const ROWS = {
  rows: ['rows under it', 'run the rotation again'],
  'previous-wraps': [
    'rows that keep a previous wrap under it',
    'run prunePreviousWraps after the soak',
  ],
  'rows-behind': [
    'other rows that are not where the rotation is to bring them',
    'run the rotation again',
  ],
  'rows-ahead': [
    'rows above the epoch of the rotation record',
    'restore the newest record, or the rows if they alone were altered',
  ],
  'unreadable-rows': [
    'rows that cannot be read',
    'find all of them with findUnreadableRows, and restore them or upgrade',
  ],
} as const;

/** @returns Nothing where there are no such rows. */
export function rowsReason(
  type: keyof typeof ROWS,
  { rows, dekIds }: NamedRows,
): readonly RetirementReason[] {
  if (rows === 0) return [];
  const [what, then] = ROWS[type];
  const first = dekIds.slice(0, MOST_IN_MESSAGE).join(', ');
  const more = rows > MOST_IN_MESSAGE ? ', …' : '';
  const message = `${what}: ${String(rows)} (${first}${more}); ${then}`;
  return [{ type, rows, dekIds, message }];
}

export function unfinishedReason(
  rotation: MekReference & { readonly epoch: number; readonly startedAt: string },
): UnfinishedRotationReason {
  const { epoch, startedAt, keyProvider, mekName, mekVersion } = rotation;
  return {
    type: 'rotation-unfinished',
    epoch,
    target: { keyProvider, mekName, mekVersion },
    startedAt,
    message: `the rotation to ${describeMek(rotation)} with epoch ${String(epoch)}, begun ${startedAt}, is not finished; finish it`,
  };
}

export function currentTargetReason(hasRecord: boolean): CurrentTargetReason {
  const message = hasRecord
    ? 'new DEKs are wrapped by it; rotate to another version'
    : 'there is no rotation record yet, so the first DEK may be wrapped by it; ask again when there is one';
  return { type: 'current-target', message };
}

export function fenceReason(): FenceReason {
  const message =
    'someone wrote the rotation record meanwhile, and writers may still go by the one before; try again';
  return { type: 'fence', message };
}

export function backupsReason(until: string, leftAt: string | undefined): BackupsReason {
  if (leftAt === undefined) {
    const message = `backups of the DEK store made up to now need it until ${until}, and later ones for longer; wait for them to expire`;
    return { type: 'backups', until, message };
  }
  const message = `backups of the DEK store made before ${leftAt} need it until ${until}; wait for them to expire`;
  return { type: 'backups', leftAt, until, message };
}
