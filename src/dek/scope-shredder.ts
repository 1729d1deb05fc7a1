/** Shreds every DEK of a scope. @module */
import { timestampOf } from '../clock.js';
import { contended, hasCode } from '../errors.js';
import type { DekContext } from './dek-context.js';
import { isLive, tombstoneOf, type DekRow, type LiveDekRow } from './dek-row.js';
import type { DekServices } from './dek-services.js';
import { rowOfScope } from './scope-rows.js';
import { requireNoMac } from '../store/item-shape.js';

const MOST_ROUNDS = 32;

export interface RowItem<Row extends DekRow = DekRow> {
  readonly row: Row;
  readonly etag: string;
}

/**
 * Writes a tombstone over each live row, and lists again until none is live: a generation made in
 * the meantime is found by the next round. Where reads may lag, the last round begins so much later
 * than the first: a DEK that was made just before it is found as well.
 *
 * @returns The dekIds shredded by this call; none on a second one.
 */
export async function shredScope(
  { context, scopeRows }: Pick<DekServices, 'context' | 'scopeRows'>,
  scopeId: string,
): Promise<string[]> {
  const shredded: string[] = [];
  const startMs = context.clock.monotonicMs();
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const sentMs = context.clock.monotonicMs();
    const listed = await context.dekStore.listScope(scopeId);
    const items = listed.map(({ value, etag }) => ({ row: rowOfScope(value, scopeId), etag }));
    const live = items.filter(isLiveItem);
    for (const { row } of live) requireNoMac(row, `DEK row ${row.id}`);
    try {
      for (const item of live) {
        if (await shredRow(context, item)) shredded.push(item.row.id);
      }
    } finally {
      // Whoever wrote the tombstones, and whether or not the answer arrived: nobody goes on here.
      for (const { row } of items) context.dekCache.invalidate(row.id);
      scopeRows.forget(scopeId);
    }
    if (live.length > 0) continue;
    const seesAllMs = startMs + (await context.dekStore.readLagMs());
    if (sentMs >= seesAllMs) return shredded;
    await context.clock.sleep(seesAllMs - context.clock.monotonicMs());
  }
  throw contended(`Shredding scope ${scopeId}`, MOST_ROUNDS);
}

function isLiveItem(item: RowItem): item is RowItem<LiveDekRow> {
  return isLive(item.row);
}

/** @returns False when someone else wrote the row first. */
async function shredRow(
  { dekStore, clock }: Pick<DekContext, 'clock' | 'dekStore'>,
  { row, etag }: RowItem<LiveDekRow>,
): Promise<boolean> {
  try {
    await dekStore.replace(tombstoneOf(row, timestampOf(clock)), etag);
    return true;
  } catch (error) {
    if (hasCode(error, 'ETAG_MISMATCH')) return false;
    throw error;
  }
}
