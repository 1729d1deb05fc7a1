/** The rotation record for runs that write beside writers. @module */
import { isDeepStrictEqual } from 'node:util';
import { recordBehind } from '../dek/dek-bounds.js';
import type { RecordCopy, RecordReader } from '../dek/record-reader.js';
import { contended, hasCode } from '../errors/errors.js';
import type { RotationRecord } from '../format/rotation-record.js';
import { MOST_ATTEMPTS, tryWrite, untilDone } from '../store/compare-and-set.js';
import type { DekStore } from '../store/dek-store.js';
import type { AuditLog } from '../audit/audit-log.js';
import type { RunContext } from './run-context.js';

/**
 * Returns the record as it is in the store now.
 *
 * @throws FieldEncryptionError `ROTATION_RECORD_MISSING`.
 */
export async function requireRecord({
  records,
  product,
  epochs,
}: Pick<RunContext, 'epochs' | 'product' | 'records'>): Promise<RecordCopy> {
  const copy = await records.readUnlessNew();
  if (copy) return copy;
  throw recordBehind(product, undefined, epochs);
}

/**
 * Stores the next state of the record, over the copy or where there is none.
 *
 * @returns `undefined` where another write came first: read it again, and decide anew.
 */
export function storeRecord(
  { dekStore, records }: Pick<RunContext, 'dekStore' | 'records'>,
  copy: RecordCopy | undefined,
  next: RotationRecord,
): Promise<RotationRecord | undefined> {
  const write = async (): Promise<RotationRecord> => {
    await (copy ? dekStore.replaceItem(next, copy.etag) : dekStore.createItem(next));
    return next;
  };
  return tryWrite(write, async () => {
    const stored = (await records.read())?.record;
    return stored && isSameRecord(stored, next) ? next : undefined;
  });
}

/** A record that was read has no prototype. */
export function isSameRecord(one: RotationRecord, other: RotationRecord): boolean {
  return isDeepStrictEqual({ ...one }, { ...other });
}

/**
 * Returns a copy of the record that a writer may act on.
 *
 * @throws FieldEncryptionError `ROTATION_RECORD_MISSING`.
 */
export async function freshRecord(context: RunContext): Promise<RecordCopy> {
  return untilDone('Reading the rotation record within its fence', async () => {
    const copy = context.records.freshCopy();
    if (!copy) await requireRecord(context);
    return copy;
  });
}

interface FloorParts {
  readonly records: RecordReader;
  readonly dekStore: Pick<DekStore, 'replaceItem'>;
  readonly audit: AuditLog | undefined;
  /** Called before each write. */
  readonly beforeWrite: () => Promise<void> | void;
}

/** Epoch and state do not change: a concurrent rotation reads the record again, and continues. */
export async function raiseGenerationFloor(
  { records, dekStore, audit, beforeWrite }: FloorParts,
  generationFloor: number,
): Promise<void> {
  let failure: { readonly error: unknown } | undefined;
  let sentOver: RotationRecord | undefined;
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const { record, etag } = await records.readOrCreate();
    // Read again, not taken from the answer: this process creates its next DEKs by this copy.
    if (record.generationFloor >= generationFloor) {
      if (sentOver) await audit?.rotationChanged(sentOver, record);
      return;
    }
    await beforeWrite();
    sentOver = record;
    try {
      await dekStore.replaceItem({ ...record, ...{ generationFloor } }, etag);
    } catch (error) {
      failure = { error };
    }
  }
  if (failure && !hasCode(failure.error, 'ETAG_MISMATCH')) throw failure.error;
  throw contended('Raising the generation floor', MOST_ATTEMPTS);
}
