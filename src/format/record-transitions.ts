/** The steps that a rotation record takes: docs/format.md, "Rotation record". @module */
import type { MekReference } from './key-wrap.js';
import { alteredItem } from './item-shape.js';
import { MOST_HISTORY, type RotationHistoryEntry, type RotationRecord } from './rotation-record.js';

/**
 * A new rotation: the next epoch, with the one before in the history.
 *
 * @throws TamperedError where no epoch is left: nobody rotates so often.
 */
export function begunRecord(
  record: RotationRecord,
  { keyProvider, mekName, mekVersion }: MekReference,
  now: string,
): RotationRecord {
  if (record.epoch === Number.MAX_SAFE_INTEGER) throw alteredItem('The rotation record', 'epoch');
  const { id, scopeId, type, schema, product, fenceTtlMs, drainTtlMs, generationFloor } = record;
  return {
    id,
    scopeId,
    type,
    schema,
    product,
    epoch: record.epoch + 1,
    keyProvider,
    mekName,
    mekVersion,
    state: 'fencing',
    fenceTtlMs,
    ...(drainTtlMs !== undefined && { drainTtlMs }),
    generationFloor,
    startedAt: now,
    history: [...record.history, historyEntry(record)].slice(-MOST_HISTORY),
  };
}

/** No writer acts on the record before this one any more. */
export function fencedRecord(record: RotationRecord, now: string): RotationRecord {
  return { ...record, state: 'rewrapping', fencedAt: now };
}

/** Every live row is on the target, and at the record's epoch. */
export function completedRecord(record: RotationRecord, now: string): RotationRecord {
  return { ...record, state: 'complete', completedAt: now };
}

function historyEntry(record: RotationRecord): RotationHistoryEntry {
  const { epoch, keyProvider, mekName, mekVersion, startedAt, completedAt } = record;
  const entry = { epoch, keyProvider, mekName, mekVersion, startedAt };
  return completedAt === undefined ? entry : { ...entry, completedAt };
}
