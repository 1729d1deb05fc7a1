/** The error of a DEK that nothing at hand opens. @module */
import type { LiveDekRow } from '../format/dek-row.js';
import { FieldEncryptionError, type ErrorDetails } from '../errors/errors.js';
import type { DekLossReason } from '../rotation/rewrap-event.js';

export type RecoveryMiss = Exclude<DekLossReason, 'unreadable-row'>;

export class LostDekError extends FieldEncryptionError<'DEK_UNRECOVERABLE'> {
  readonly reason: RecoveryMiss;

  constructor(reason: RecoveryMiss, message: string, details: ErrorDetails) {
    super('DEK_UNRECOVERABLE', message, details);
    this.reason = reason;
  }
}

/**
 * @param keyId - Of the private key that was given.
 * @param cause - Why the row's own wrap does not open either.
 */
export function lostDek(
  row: LiveDekRow,
  reason: RecoveryMiss,
  { keyId, cause }: { readonly keyId: string; readonly cause: unknown },
): LostDekError {
  const message = `DEK ${row.id} cannot be recovered: ${describe(row, reason, keyId)}`;
  return new LostDekError(reason, message, { dekId: row.id, cause });
}

function describe({ recoveryWrap }: LiveDekRow, reason: RecoveryMiss, keyId: string): string {
  switch (reason) {
    case 'no-recovery-wrap':
      return 'its row has no recovery wrap; restore a backup of the row that has one, or bring its MEK back';
    case 'other-recovery-key':
      return `its recovery wrap is for the recovery key ${String(recoveryWrap?.recoveryKeyId)}, and this is ${keyId}; run again with that private key`;
    case 'broken-recovery-wrap':
      return 'its recovery wrap was changed, and does not open; restore the row from a backup';
    case 'commitment-mismatch':
      return 'its recovery wrap holds another key than the row commits to; restore the row from a backup';
  }
}
