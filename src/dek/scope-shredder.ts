/** Shreds every DEK of a scope. @module */
import { type CallOptions, untilAborted } from '../async/abort.js';
import { timestampOf } from '../async/clock.js';
import { contended, hasCode } from '../errors/errors.js';
import { isLive, tombstoneOf, type DekRow, type LiveDekRow } from '../format/dek-row.js';
import type { DekContext, DekServices } from './dek-services.js';
import { rowOfScope } from './scope-rows.js';
import type { ScopeShred } from './dek.js';
import { requireNoMac } from '../format/item-shape.js';

const MOST_ROUNDS = 32;

export interface RowItem<Row extends DekRow = DekRow> {
  readonly row: Row;
  readonly etag: string;
}

/**
 * Replaces each live row with a tombstone, and lists again until none is live: the next round finds a
 * generation that was created in the meantime. Where reads may lag, the last round begins one lag
 * later than the first round and the last write. So it also finds a DEK that was created just before, and no read
 * that is sent afterwards shows an old row.
 *
 * Work on the scope in this process that began before, or begins meanwhile, ends with `DEK_SHREDDED`.
 *
 * @param signal - Stops the shred before the next step; a write that was sent is awaited first.
 * @returns The dekIds that this call shredded; none for a second call.
 */
export async function shredScope(
  { context, tokens }: Pick<DekServices, 'context' | 'tokens'>,
  scopeId: string,
  signal?: AbortSignal,
): Promise<string[]> {
  const shred = tokens.beginShred(scopeId);
  try {
    return await shredRows(context, scopeId, { ...shred, signal });
  } finally {
    shred.end();
  }
}

async function shredRows(
  context: DekContext,
  scopeId: string,
  { pendingCreates, signal }: Pick<ScopeShred, 'pendingCreates'> & CallOptions,
): Promise<string[]> {
  const shredded: string[] = [];
  const barred = new Set<string>();
  const recorded = new Set<string>();
  let changedMs = context.clock.monotonicMs();
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    signal?.throwIfAborted();
    const sentMs = context.clock.monotonicMs();
    // Taken before the list is read: a create that is answered meanwhile may have landed after it.
    const sent = pendingCreates();
    const listed = await untilAborted(context.dekStore.listScope(scopeId, { signal }), signal);
    const items = listed.map(({ value, etag }) => ({ row: rowOfScope(value, scopeId), etag }));
    const live = items.filter(isLiveItem);
    const liveRows = live.map(({ row }) => row);
    for (const row of liveRows) requireNoMac(row, `DEK row ${row.id}`);
    await record(context, recorded, liveRows);
    for (const item of live) {
      signal?.throwIfAborted();
      if (await shredRow(context, item)) shredded.push(item.row.id);
    }
    const known = new Set([...barred, ...items.map(({ row }) => row.id)]);
    const creates = new Set([...sent, ...pendingCreates()]);
    const pending = [...creates].filter(({ id }) => !known.has(id));
    await record(context, recorded, pending);
    for (const row of pending) {
      signal?.throwIfAborted();
      await barRow(context, row);
      barred.add(row.id);
    }
    if (live.length + pending.length > 0) {
      changedMs = context.clock.monotonicMs();
      continue;
    }
    const lagMs = await untilAborted(context.dekStore.readLagMs({ signal }), signal);
    const seesAllMs = changedMs + lagMs;
    if (sentMs >= seesAllMs) return shredded;
    await context.clock.sleep(seesAllMs - context.clock.monotonicMs(), signal);
  }
  throw contended(`Shredding scope ${scopeId}`, MOST_ROUNDS);
}

/** Records each DEK once, before it is shredded. */
async function record(
  { audit }: DekContext,
  recorded: Set<string>,
  rows: readonly LiveDekRow[],
): Promise<void> {
  if (!audit) return;
  const others = rows.map(({ id }) => id).filter((dekId) => !recorded.has(dekId));
  for (const dekId of others) recorded.add(dekId);
  await audit.shredding(others);
}

/** Takes the id of a row whose create is in flight, so that it cannot land after the shred. */
async function barRow({ dekStore, clock }: DekContext, row: LiveDekRow): Promise<void> {
  try {
    await dekStore.create(tombstoneOf(row, timestampOf(clock)));
  } catch (error) {
    // It has already landed: the next round finds it.
    if (!hasCode(error, 'ALREADY_EXISTS')) throw error;
  }
}

function isLiveItem(item: RowItem): item is RowItem<LiveDekRow> {
  return isLive(item.row);
}

/** @returns False when another process wrote the row first. */
async function shredRow(
  { dekStore, clock }: DekContext,
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
