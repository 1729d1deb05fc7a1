/** Stops a maintenance run while a rotation is in progress. @module */
import { FieldEncryptionError } from '../errors/errors.js';
import type { LiveDekRow } from '../format/dek-row.js';
import { describeMek } from '../format/key-wrap.js';
import type { RotationRecord } from '../format/rotation-record.js';
import { rowAhead } from '../rotation/row-decision.js';
import type { RunContext } from '../run/run-context.js';

export class SettledRotation {
  /** Of the rotation that was found first; `undefined` for a product that has no rows. */
  #epoch: number | undefined;

  /**
   * @throws FieldEncryptionError `ROTATION_UNFINISHED`; `ROTATION_SUPERSEDED` where another one began
   * since; `ROTATION_RECORD_MISSING`.
   */
  async require({ records }: Pick<RunContext, 'records'>): Promise<void> {
    const record = (await records.readUnlessNew())?.record;
    if (!record) return;
    this.#epoch ??= record.epoch;
    if (record.epoch !== this.#epoch) throw superseded(this.#epoch, record);
    if (record.state !== 'complete') throw unfinished(record);
  }

  /**
   * @throws FieldEncryptionError `ROTATION_SUPERSEDED` where the row is above the rotation because another
   * one began; `ROTATION_RECORD_BEHIND` where no record accounts for its epoch.
   */
  async requireReached(context: Pick<RunContext, 'records'>, row: LiveDekRow): Promise<void> {
    if (this.#epoch === undefined || row.epoch <= this.#epoch) return;
    await context.records.readForRow(row);
    await this.require(context);
    throw rowAhead(row, this.#epoch);
  }
}

function unfinished(record: RotationRecord): FieldEncryptionError {
  return new FieldEncryptionError(
    'ROTATION_UNFINISHED',
    `The rotation to ${describeMek(record)} with epoch ${String(record.epoch)}, begun ${record.startedAt}, is not finished, and may need the previous wraps: finish it before you prune`,
  );
}

function superseded(epoch: number, record: RotationRecord): FieldEncryptionError {
  return new FieldEncryptionError(
    'ROTATION_SUPERSEDED',
    `Pruning at epoch ${String(epoch)} stopped because the rotation record is at epoch ${String(record.epoch)} now, with the target ${describeMek(record)}: what was pruned stays so; prune again when that rotation has had its soak`,
  );
}
