/** Changes one DEK row at a time, over the etag that was read. @module */
import { isDeepStrictEqual } from 'node:util';
import { parseDekRow, type DekRow } from '../dek/dek-row.js';
import { GenerationBound } from '../dek/generation-bound.js';
import { contended, hasCode } from '../errors.js';
import { idOf, rowIn } from '../rotation/row-decision.js';
import type { StoredItem } from '../store/dek-store.js';
import { requireNoMac } from '../store/item-shape.js';
import type { TendedRow } from './upkeep-counter.js';
import type { UpkeepContext } from './upkeep-context.js';
import type { UpkeepOutcome } from './upkeep-event.js';

/**
 * What is to be stored instead of a row; `undefined` where it is as it is to be. What it throws is
 * wrong with that row alone.
 */
export type NextRow = (
  row: DekRow,
  item: StoredItem,
) => Promise<DekRow | 'not-selected' | 'shredded' | undefined>;

const MOST_ATTEMPTS = 8;

export class RowTender {
  readonly #context: UpkeepContext;
  readonly #next: NextRow;
  readonly #bound: GenerationBound;
  #end: { readonly error: unknown } | undefined;

  constructor(context: UpkeepContext, next: NextRow) {
    this.#context = context;
    this.#next = next;
    this.#bound = new GenerationBound(context.records);
  }

  /**
   * What becomes of a row; when someone else writes it first, it is read again and decided anew.
   *
   * @throws The signal's reason, and whatever ends the run. What is wrong with the row alone is its outcome.
   */
  async tend(item: StoredItem): Promise<TendedRow> {
    const dekId = idOf(item);
    let lostRaces = 0;
    try {
      for (let read: StoredItem | undefined = item; read; read = await this.#readAgain(dekId)) {
        const outcome: UpkeepOutcome | undefined = await this.#attempt(read, dekId);
        if (outcome) return { outcome, lostRace: lostRaces > 0 };
        lostRaces += 1;
        if (lostRaces === MOST_ATTEMPTS) throw contended(`Changing DEK row ${dekId}`, lostRaces);
      }
      return { outcome: { type: 'skipped', dekId, reason: 'removed' }, lostRace: true };
    } catch (error) {
      if (this.#end) throw this.#end.error;
      this.#context.signal?.throwIfAborted();
      return { outcome: { type: 'failed', dekId, error }, lostRace: lostRaces > 0 };
    }
  }

  /** `undefined` when the row is no longer as it was read. */
  async #attempt(item: StoredItem, dekId: string): Promise<UpkeepOutcome | undefined> {
    const row = rowIn(item, this.#context.product);
    await this.#bound.require(row.id);
    const next = await this.#next(row, item);
    if (next === undefined) return { type: 'current', dekId };
    if (typeof next === 'string') return { type: 'skipped', dekId, reason: next };
    requireNoMac(row, `DEK row ${dekId}`);
    if (this.#context.request.dryRun) return { type: 'would-change', dekId };
    return (await this.#replace(next, item.etag)) ? { type: 'changed', dekId } : undefined;
  }

  /** @returns False when someone else wrote the row first. */
  async #replace(next: DekRow, etag: string): Promise<boolean> {
    this.#context.signal?.throwIfAborted();
    await this.#requireFresh();
    try {
      // Without the signal: once sent, a write is let finish.
      await this.#context.dekStore.replace(next, etag);
      return true;
    } catch (error) {
      // The answer may have been lost after the write.
      if (await this.#isStored(next, etag)) return true;
      if (hasCode(error, 'ETAG_MISMATCH')) return false;
      throw error;
    }
  }

  /** The caller may have paused for long since the page was read, and the answer may take long too. */
  async #requireFresh(): Promise<void> {
    const { records, requireAllowed } = this.#context;
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
      if (!requireAllowed || records.freshCopy()) return;
      await this.#requireAllowed();
    }
    throw contended('Reading the rotation record within its fence', MOST_ATTEMPTS);
  }

  async #isStored(next: DekRow, etag: string): Promise<boolean> {
    try {
      const item = await this.#context.dekStore.get(next.id);
      if (!item || item.etag === etag) return false;
      return isDeepStrictEqual({ ...parseDekRow(item.value, next.id) }, { ...next });
    } catch {
      // The failure that led here is the one to report.
      return false;
    }
  }

  async #readAgain(dekId: string): Promise<StoredItem | undefined> {
    const { dekStore, signal } = this.#context;
    const item = await dekStore.get(dekId, { signal });
    await this.#requireAllowed();
    return item;
  }

  /** What it refuses ends the run, and not just this row's turn. */
  async #requireAllowed(): Promise<void> {
    try {
      await this.#context.requireAllowed?.();
    } catch (error) {
      this.#end = { error };
      throw error;
    }
  }
}
