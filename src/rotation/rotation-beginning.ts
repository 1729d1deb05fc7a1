/** Begins a rotation, or joins the one that is under way. @module */
import { timestampOf } from '../async/clock.js';
import { contended, FieldEncryptionError, hasCode } from '../errors/errors.js';
import { describeMek, isSameMek, type MekReference } from '../format/key-wrap.js';
import type { RecordCopy } from '../dek/record-reader.js';
import { begunRecord } from '../format/record-transitions.js';
import { Rotation } from './rotation.js';
import type { RotationContext } from './rotation-context.js';
import type { RotationRecord } from '../format/rotation-record.js';
import type { RowChoice } from './row-decision.js';

export interface Beginning {
  readonly rotation: Rotation;
  /** The record named the target already: nothing was written. */
  readonly joined: boolean;
}

/** Whether it may begin over another one that is not finished. */
export interface TakeOver extends Pick<RowChoice, 'rollback'> {
  readonly takeOver: boolean;
}

const MOST_ATTEMPTS = 8;

/**
 * @throws FieldEncryptionError `ROTATION_UNFINISHED` while a rotation to another target is under way,
 * unless it is to be taken over; `ROTATION_RECORD_MISSING`.
 */
export async function beginRotation(
  context: RotationContext,
  request: TakeOver,
): Promise<Beginning> {
  const { dekStore, clock, target, signal, records } = context;
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const copy = await records.readOrCreate();
    const { record } = copy;
    requireRotatable(record, target, request);
    if (isSameMek(record, target)) {
      return { rotation: new Rotation(records, dekStore, record), joined: true };
    }
    signal?.throwIfAborted();
    const next = begunRecord(record, target, timestampOf(clock));
    if (await tryBegin(context, next, copy)) {
      return { rotation: new Rotation(records, dekStore, next), joined: false };
    }
  }
  throw contended('Beginning the rotation', MOST_ATTEMPTS);
}

/** What {@link beginRotation} refuses, without beginning anything. */
export function requireRotatable(
  record: RotationRecord,
  target: MekReference,
  { takeOver, rollback }: TakeOver,
): void {
  if (record.state === 'complete' || takeOver || isSameMek(record, target)) return;
  if (rollback && cameFrom(record, target)) return;
  throw new FieldEncryptionError(
    'ROTATION_UNFINISHED',
    `The rotation to ${describeMek(record)} with epoch ${String(record.epoch)}, begun ${record.startedAt}, is not finished: name that target to finish it, or pass "takeOver: true" to begin another over it`,
  );
}

/** The unfinished rotation left it, and none before has finished since: going back is undoing it. */
function cameFrom({ history }: RotationRecord, target: MekReference): boolean {
  for (const entry of [...history].reverse()) {
    if (isSameMek(entry, target)) return true;
    if (entry.completedAt !== undefined) return false;
  }
  return false;
}

/** False when someone else was faster: the record is read again then. */
async function tryBegin(
  { dekStore, target, records }: RotationContext,
  next: RotationRecord,
  { etag }: RecordCopy,
): Promise<boolean> {
  try {
    await dekStore.replaceItem(next, etag);
    return true;
  } catch (error) {
    if (hasCode(error, 'ETAG_MISMATCH')) return false;
    // The answer may have been lost after the write.
    const known = await records.read();
    if (known?.record.epoch === next.epoch && isSameMek(known.record, target)) return true;
    throw error;
  }
}
