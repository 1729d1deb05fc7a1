/** The rotation record for runs that write beside writers. @module */
import { recordBehind } from '../dek/dek-bounds.js';
import type { RecordCopy, RecordReader } from '../dek/record-reader.js';
import { contended, hasCode } from '../errors/errors.js';
import { MOST_ATTEMPTS, untilDone } from '../store/compare-and-set.js';
import type { DekStore } from '../store/dek-store.js';
import type { RunContext } from './run-context.js';

/**
 * Returns a copy of the record that a writer may act on.
 *
 * @throws FieldEncryptionError `ROTATION_RECORD_MISSING`.
 */
export async function freshRecord(context: RunContext): Promise<RecordCopy> {
  const { records, product, epochs } = context;
  return untilDone('Reading the rotation record within its fence', async () => {
    const copy = records.freshCopy();
    if (!copy && !(await records.readUnlessNew())) throw recordBehind(product, undefined, epochs);
    return copy;
  });
}

interface FloorParts {
  readonly records: RecordReader;
  readonly dekStore: Pick<DekStore, 'replaceItem'>;
  /** Called before each write. */
  readonly beforeWrite: () => Promise<void> | void;
}

/** Epoch and state do not change: a concurrent rotation reads the record again, and continues. */
export async function raiseGenerationFloor(
  { records, dekStore, beforeWrite }: FloorParts,
  generationFloor: number,
): Promise<void> {
  let failure: { readonly error: unknown } | undefined;
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const { record, etag } = await records.readOrCreate();
    // Read again, not taken from the answer: this process creates its next DEKs by this copy.
    if (record.generationFloor >= generationFloor) return;
    await beforeWrite();
    try {
      await dekStore.replaceItem({ ...record, ...{ generationFloor } }, etag);
    } catch (error) {
      failure = { error };
    }
  }
  if (failure && !hasCode(failure.error, 'ETAG_MISMATCH')) throw failure.error;
  throw contended('Raising the generation floor', MOST_ATTEMPTS);
}
