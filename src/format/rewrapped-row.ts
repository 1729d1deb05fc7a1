/** What a rewrap makes of a row. @module */
import { wrapIn, type KeyWrap } from './key-wrap.js';
import type { LiveDekRow, PreviousWrap, RecoveryWrap } from './dek-row.js';

export interface Rewrap {
  readonly wrap: KeyWrap;
  readonly epoch: number;
  /** What the DEK was opened from, and can be opened from again; without it the row's own stays. */
  readonly previousWrap: PreviousWrap | undefined;
  /** Likewise. */
  readonly recoveryWrap: RecoveryWrap | undefined;
  readonly rewrappedAt: string;
}

export interface Flip extends Pick<Rewrap, 'epoch' | 'rewrappedAt'> {
  /** The row's own, which comes back. */
  readonly previousWrap: PreviousWrap;
}

/** The row under its new wrap; the DEK itself, and so its commitment, stay. */
export function rewrappedRow<Row extends LiveDekRow>(row: Row, rewrap: Rewrap): Row {
  const { wrap, epoch, previousWrap, recoveryWrap, rewrappedAt } = rewrap;
  return {
    ...row,
    ...wrap,
    epoch,
    rewrappedAt,
    ...(previousWrap && { previousWrap }),
    ...(recoveryWrap && { recoveryWrap }),
  };
}

/** The row under the wrap that it kept; the two change places. */
export function flippedRow<Row extends LiveDekRow>(
  row: Row,
  { previousWrap, epoch, rewrappedAt }: Flip,
): Row {
  return { ...row, ...wrapIn(previousWrap), epoch, rewrappedAt, previousWrap: primaryWrap(row) };
}

/** The wrap that a row has now, as it is kept once there is another. */
export function primaryWrap(row: LiveDekRow): PreviousWrap {
  return { ...wrapIn(row), epoch: row.epoch };
}
