/** What a rotation has to do with a row. @module */
import type { LiveDekRow } from '../format/dek-row.js';
import { requireCredible } from '../dek/generation-bound.js';
import { FieldEncryptionError } from '../errors/errors.js';
import { isSameMek, type MekReference } from '../format/key-wrap.js';
import { requireNoMac } from '../format/item-shape.js';

/** Where a rotation is to bring the rows. */
export interface Destination {
  readonly epoch: number;
  readonly target: MekReference;
  /** Of the rotation record: rows far above it are forged. */
  readonly generationFloor: number;
}

/** Which rows a rotation leaves out, and whether it goes back. */
export interface RowChoice {
  readonly sourceVersion: string | undefined;
  /** Only of a rollback: a wrap under the target that a row kept comes back without the provider. */
  readonly rollback?: { readonly verifyFlips: boolean };
}

export type RowDecision =
  'ahead' | 'unchanged' | 'flip' | 'move-epoch' | 'other-version' | 'rewrap';

export function decide(
  row: LiveDekRow,
  { epoch, target, generationFloor }: Destination,
  { sourceVersion, rollback }: RowChoice,
): RowDecision {
  requireCredible(row, { generationFloor });
  requireNoMac(row, `DEK row ${row.id}`);
  if (row.epoch > epoch) return 'ahead';
  if (isSameMek(row, target)) return row.epoch === epoch ? 'unchanged' : 'move-epoch';
  if (rollback && row.previousWrap && isSameMek(row.previousWrap, target)) return 'flip';
  const isOther = sourceVersion !== undefined && row.mekVersion !== sourceVersion;
  return isOther ? 'other-version' : 'rewrap';
}

export function rowAhead({ id, epoch }: LiveDekRow, recordEpoch: number): FieldEncryptionError {
  return new FieldEncryptionError(
    'ROTATION_RECORD_BEHIND',
    `DEK row ${id} has the epoch ${String(epoch)}, above the rotation record's ${String(recordEpoch)}: restore the newest rotation record, or the row if it alone was altered`,
    { dekId: id },
  );
}
