/** Moves a new row to the target of a rotation that began in the meantime. @module */
import { MOST_ATTEMPTS } from '../store/compare-and-set.js';
import { timestampOf } from '../async/clock.js';
import { contended, hasCode } from '../errors/errors.js';
import {
  isSameMek,
  isLive,
  parseDekRow,
  neverUsedRow,
  type ActiveDekRow,
  type LiveDekRow,
  primaryWrap,
  rewrappedRow,
} from '../format/dek-row.js';
import type { DekContext, DekServices } from './dek-services.js';
import type { RecordCopy } from './record-reader.js';
import type { RowItem } from './scope-shredder.js';
import type { RotationRecord } from '../format/rotation-record.js';
import type { StoredItem } from '../store/dek-store.js';
import { alteredItem, requireNoMac } from '../format/item-shape.js';
import type { Dek } from './dek.js';
import { wrapDek } from './dek-wraps.js';

/**
 * A create that was acknowledged after its copy of the record became stale may have landed after a rotation's
 * last scan: only its writer, who has the DEK in memory, can still move the row. It does so even where a
 * re-encryption has retired the row in the meantime: envelopes may still need it.
 *
 * @param copy - The copy of the record that the row was created with.
 * @returns The present row; `undefined` when it is no longer active.
 */
export async function keepUpWithRotation(
  { context, records }: Pick<DekServices, 'context' | 'records'>,
  { dek, written, copy }: { dek: Dek; written: RowItem<ActiveDekRow>; copy: RecordCopy },
): Promise<ActiveDekRow | undefined> {
  if (records.isFresh(copy)) return written.row;
  let current: RowItem<LiveDekRow> | undefined = written;
  for (let attempt = 0; attempt < MOST_ATTEMPTS && current; attempt += 1) {
    // Read after the row was stored: the scans of any later rotation see it.
    const now = await records.readOrCreate();
    const next = await nextRow(context, dek, current.row, now.record);
    if (!next) return current.row.state === 'active' ? current.row : undefined;
    // The answer, or the wrap, may have taken so long that another rotation has begun.
    if (records.isFresh(now)) current = await moveRow(context, dek, current, next);
  }
  if (!current) return undefined;
  throw contended(`Moving DEK ${dek.id} to the target of the rotation`, MOST_ATTEMPTS);
}

/** `undefined` where the row already matches the record. */
async function nextRow(
  context: DekContext,
  dek: Dek,
  row: LiveDekRow,
  record: RotationRecord,
): Promise<LiveDekRow | undefined> {
  const moved = row.epoch < record.epoch ? await movedRow(context, dek, row, record) : row;
  if (moved.state === 'active' && moved.generation < record.generationFloor) {
    requireNoMac(row, `DEK row ${row.id}`);
    return neverUsedRow(moved);
  }
  return moved === row ? undefined : moved;
}

/** The row after the attempt, by this writer or another; `undefined` when it is no longer live. */
async function moveRow(
  context: DekContext,
  dek: Dek,
  { etag }: RowItem<LiveDekRow>,
  next: LiveDekRow,
): Promise<RowItem<LiveDekRow> | undefined> {
  try {
    const item = await context.dekStore.replace(next, etag);
    return { row: next, etag: item.etag };
  } catch (error) {
    if (!hasCode(error, 'ETAG_MISMATCH')) throw error;
    return liveRowIn(await context.dekStore.get(next.id), dek);
  }
}

function liveRowIn(item: StoredItem | undefined, dek: Dek): RowItem<LiveDekRow> | undefined {
  if (!item) return undefined;
  const row = parseDekRow(item.value, dek.id);
  if (!isLive(row)) return undefined;
  if (row.commitment !== dek.commitment) throw alteredItem(`DEK row ${dek.id}`, 'commitment');
  return { row, etag: item.etag };
}

async function movedRow(
  context: DekContext,
  dek: Dek,
  row: LiveDekRow,
  record: RotationRecord,
): Promise<LiveDekRow> {
  requireNoMac(row, `DEK row ${row.id}`);
  const { epoch } = record;
  if (isSameMek(row, record)) return { ...row, epoch };
  const request = { dekId: dek.id, mek: record, kept: row.recoveryWrap };
  const wraps = await dek.lend((bytes) => wrapDek(context, bytes, request));
  const rewrappedAt = timestampOf(context.clock);
  return rewrappedRow(row, { ...wraps, epoch, previousWrap: primaryWrap(row), rewrappedAt });
}
