/** Formulates why a rotation record is refused. @module */
import { FieldEncryptionError } from '../errors/errors.js';
import type { EpochsSeen } from './epochs-seen.js';
import type { RotationRecord } from '../format/rotation-record.js';

/** @param record - As last read; absent where there is none. */
export function recordBehind(
  product: string,
  record: RotationRecord | undefined,
  epochs: Pick<EpochsSeen, 'least' | 'source'>,
): FieldEncryptionError {
  return record ? behind(product, record, epochs) : missing(product, epochs);
}

function behind(
  product: string,
  { epoch }: RotationRecord,
  { least, source }: Pick<EpochsSeen, 'least' | 'source'>,
): FieldEncryptionError {
  const known = {
    minimum: 'the "minimumEpoch" (FIELD_ENCRYPT_MINIMUM_EPOCH) of this process',
    record: 'which this process has read before',
    row: `which DEK row ${source.from === 'row' ? source.dekId : ''} has`,
  }[source.from];
  const orRow =
    source.from === 'row'
      ? ', or that row if only the row was altered, and then restart the process'
      : '';
  return new FieldEncryptionError(
    'ROTATION_RECORD_BEHIND',
    `The rotation record of "${product}" has the epoch ${String(epoch)}, below ${String(least)}, ${known}: nothing is sealed under it. Restore the newest item "rotation" of dek_store${orRow}; if dek_store as a whole was restored, stop all writers and set the epoch of the record above ${String(least)}`,
  );
}

function missing(
  product: string,
  { least, source }: Pick<EpochsSeen, 'least' | 'source'>,
): FieldEncryptionError {
  const what =
    least === 1
      ? `The product "${product}" has DEK rows but no rotation record`
      : `The product "${product}" has no rotation record, and ${knownFrom(source)} its epoch is ${String(least)} or above`;
  return new FieldEncryptionError(
    'ROTATION_RECORD_MISSING',
    `${what}: restore the item "rotation" of dek_store from a backup before anything is written`,
  );
}

function knownFrom(source: EpochsSeen['source']): string {
  switch (source.from) {
    case 'minimum':
      return '"minimumEpoch" (FIELD_ENCRYPT_MINIMUM_EPOCH) says that';
    case 'record':
      return 'an earlier read of this process shows that';
    case 'row':
      return `DEK row ${source.dekId} shows that`;
  }
}
