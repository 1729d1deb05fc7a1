/** Puts an end to a damaged DEK row. @module */
import { timestampOf } from '../async/clock.js';
import { type ShreddedDekRow, tombstoneOf } from '../format/dek-row.js';
import { isTimestamp } from '../format/item-shape.js';
import {
  generationIn,
  highestCredibleGeneration,
  type KeyScope,
  scopeIdIn,
} from '../format/key-scope.js';
import type { RotationRecord } from '../format/rotation-record.js';
import { isStored } from '../run/change-row.js';
import { freshRecord, raiseGenerationFloor } from '../run/rotation-record.js';
import type { FenceEvent } from '../run/run-event.js';
import { waitForWriters } from '../run/wait-for-writers.js';
import { tryWrite } from '../store/compare-and-set.js';
import { type DamageExam, refused } from './dek-damage.js';
import type { StoredRow } from './stored-row.js';

interface RemovalRequest extends DamageExam {
  readonly onWait: ((event: FenceEvent) => void) | undefined;
}

/** @throws FieldEncryptionError `ABANDON_REFUSED` where another process wrote the row. */
export async function replaceByTombstone(
  request: RemovalRequest,
  stored: StoredRow,
  scope: KeyScope,
): Promise<void> {
  const { dekStore, audit } = request.context;
  const { etag } = stored.item;
  const tombstone = await tombstoneFor(request, stored, scope);
  await audit?.shredding([request.dekId]);
  // Without the signal: a write that was sent is always awaited.
  const write = async (): Promise<true> => {
    await dekStore.replace(tombstone, etag);
    return true;
  };
  const written = await tryWrite(write, () => isStored(dekStore, tombstone, etag));
  if (!written) throw writtenMeanwhile(request);
}

async function tombstoneFor(
  { context, dekId }: RemovalRequest,
  stored: StoredRow,
  { scopeId, kind, product, parts }: KeyScope,
): Promise<ShreddedDekRow> {
  const { clock } = context;
  const now = timestampOf(clock);
  const createdAt = stored.property('createdAt');
  const { record } = await freshRecord(context);
  return tombstoneOf(
    {
      id: dekId,
      scopeId,
      scopeKind: kind,
      scope: parts,
      type: 'dek',
      schema: 1,
      product,
      generation: generationIn(dekId),
      // Never that of the row, which may be anything: writers would wait for a record as high.
      epoch: record.epoch,
      createdAt: isTimestamp(createdAt) ? (createdAt as string) : now,
    },
    now,
  );
}

/**
 * Deletes the row once no writer can create its id again: none does below the floor of the rotation record,
 * and after a whole fence all of them have read it.
 */
export async function deleteRow(request: RemovalRequest, stored: StoredRow): Promise<void> {
  const { context, dekId, onWait } = request;
  const { records, dekStore, audit, signal } = context;
  const { record } = await freshRecord(context);
  if (isCredible(dekId, record)) {
    const beforeWrite = (): void => signal?.throwIfAborted();
    await raiseGenerationFloor({ records, dekStore, audit, beforeWrite }, generationIn(dekId) + 1);
    const raised = await freshRecord(context);
    for await (const event of waitForWriters(context, raised.record)) onWait?.(event);
  }
  await audit?.shredding([dekId]);
  signal?.throwIfAborted();
  const { etag } = stored.item;
  const write = async (): Promise<true> => {
    await dekStore.deleteItem(scopeIdIn(dekId), dekId, etag);
    return true;
  };
  if (!(await tryWrite(write, () => isGone(request)))) throw writtenMeanwhile(request);
}

async function isGone({ context, dekId }: RemovalRequest): Promise<true | undefined> {
  const rows = await context.dekStore.getMany([dekId]);
  return rows.has(dekId) ? undefined : true;
}

/** Whether a writer could ever create this generation, without a forged floor. */
export function isCredible(
  dekId: string,
  { generationFloor }: Pick<RotationRecord, 'generationFloor'>,
): boolean {
  return generationIn(dekId) <= highestCredibleGeneration(generationFloor);
}

function writtenMeanwhile(request: RemovalRequest): Error {
  return refused(request, 'its row was written meanwhile: call again without "confirm"');
}
