/** Changes one DEK row at a time, under the etag that was read. @module */
import { isDeepStrictEqual } from 'node:util';
import { unwrapDekBytes } from '../dek/dek-wraps.js';
import { contended } from '../errors/errors.js';
import {
  parseDekRow,
  type DekRow,
  dekIdIn,
  type LiveDekRow,
  NO_DEK_ID,
} from '../format/dek-row.js';
import { alteredItem } from '../format/item-shape.js';
import { backOff, MOST_ATTEMPTS, tryWrite } from '../store/compare-and-set.js';
import type { DekStore, StoredItem, DekRowFilter } from '../store/dek-store.js';
import { pagesOf, type Settled } from './passes.js';
import type { RunContext } from './run-context.js';
import type { ItemOutcome } from './run-event.js';

export function dekRowPages(
  dekStore: DekStore,
  filter: DekRowFilter,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly StoredItem[], void, void> {
  return pagesOf((options) => dekStore.list(filter, options), ['DEK store', 'S7'], signal);
}

/** For events: the dekId, if it is known. */
export function idOf({ value, error }: StoredItem): string {
  return dekIdIn(value) ?? error?.dekId ?? NO_DEK_ID;
}

/** @throws The failure of the item; only its id may then be known. */
export function rowIn({ value, error }: StoredItem, product: string): DekRow {
  if (error) throw error;
  const row = parseDekRow(value);
  if (row.product !== product) throw alteredItem(`DEK row ${row.id}`, 'product');
  return row;
}

/**
 * Returns the DEK: zero it after use.
 *
 * @throws Where the row's own wrap does not hold its DEK.
 */
export async function unwrapRow(context: RunContext, row: LiveDekRow): Promise<Uint8Array> {
  context.dekCache?.requireSameKey(row);
  return unwrapDekBytes(context, row, { signal: context.signal });
}

/** @throws Where the row's own wrap does not hold its DEK. */
export async function requireOpens(context: RunContext, row: LiveDekRow): Promise<void> {
  (await unwrapRow(context, row)).fill(0);
}

/** The decision on a row as it was read; `undefined` where the row has changed since. */
export type RowChange<Outcome> =
  | {
      readonly outcome: Outcome;
      /** The row to store; absent where nothing is to be written. */
      readonly next?: DekRow;
      /** Called once the row is stored. */
      readonly written?: () => void;
    }
  | undefined;

export interface RowAttempt {
  readonly item: StoredItem;
  /** How often another process wrote the row first, so far. */
  readonly lostRaces: number;
}

/** What differs between the runs over rows. */
export interface RowKind<Outcome extends ItemOutcome> {
  /** The operation in words, for the error where other processes keep writing the row. */
  readonly what: string;
  /** An error is a failure of this row alone, unless it ends the run. */
  readonly change: (row: DekRow, attempt: RowAttempt) => Promise<RowChange<Outcome>>;
  readonly failed: (failure: RowFailure) => Outcome;
  readonly removed: (dekId: string) => Outcome;
  /** Called after a row was read again, and before anything is written because of it. */
  readonly afterRead: () => Promise<unknown>;
  /** Called last before a write: the caller may have paused for long since the page was read. */
  readonly beforeWrite: () => Promise<void>;
  /** Whether an error ends the run, and not only the work on this row. */
  readonly endsRun: (error: unknown) => boolean;
}

export interface RowFailure {
  readonly dekId: string;
  readonly item: StoredItem;
  readonly error: unknown;
}

type RowContext = Pick<RunContext, 'clock' | 'dekStore' | 'product' | 'signal'>;

/**
 * Changes a row; where another process writes it first, reads it again and decides again.
 *
 * @throws The signal's reason, and errors that end the run. A failure of the row alone is its outcome.
 */
export async function changeRow<Outcome extends ItemOutcome>(
  context: RowContext,
  kind: RowKind<Outcome>,
  item: StoredItem,
): Promise<Settled<Outcome>> {
  const dekId = idOf(item);
  let lostRaces = 0;
  try {
    for (let read: StoredItem | undefined = item; read; read = await readAgain()) {
      const settled = await attempt(context, kind, { item: read, lostRaces });
      if (settled) return settled;
      lostRaces += 1;
      if (lostRaces === MOST_ATTEMPTS) throw contended(`${kind.what} ${dekId}`, lostRaces);
      // One lost race is common where workers share the rows; a second one is contention.
      if (lostRaces > 1) await backOff(context.clock, lostRaces, context.signal);
    }
    return { outcome: kind.removed(dekId), lostRace: true };
  } catch (error) {
    if (kind.endsRun(error)) throw error;
    context.signal?.throwIfAborted();
    return { outcome: kind.failed({ dekId, item, error }), lostRace: lostRaces > 0 };
  }

  async function readAgain(): Promise<StoredItem | undefined> {
    const { dekStore, signal } = context;
    const again = await dekStore.get(dekId, { signal });
    await kind.afterRead();
    return again;
  }
}

/** `undefined` when the row is no longer as it was read. */
async function attempt<Outcome extends ItemOutcome>(
  context: RowContext,
  kind: RowKind<Outcome>,
  { item, lostRaces }: RowAttempt,
): Promise<Settled<Outcome> | undefined> {
  const change = await kind.change(rowIn(item, context.product), { item, lostRaces });
  if (!change) return undefined;
  const { outcome, next, written } = change;
  if (next) {
    context.signal?.throwIfAborted();
    await kind.beforeWrite();
    if (!(await replace(context, next, item.etag))) return undefined;
    written?.();
  }
  const hasWritten = next !== undefined;
  return { outcome, lostRace: lostRaces > 0, hasWritten };
}

/** `undefined` where another process wrote the row first. */
function replace({ dekStore }: RowContext, next: DekRow, etag: string): Promise<true | undefined> {
  // Without the signal: a write that was sent is always awaited.
  const write = async (): Promise<true> => {
    await dekStore.replace(next, etag);
    return true;
  };
  return tryWrite(write, () => isStored(dekStore, next, etag));
}

/** @param etag - What was read before the write; absent for a create. */
export async function isStored(
  dekStore: DekStore,
  next: DekRow,
  etag?: string,
): Promise<true | undefined> {
  try {
    const item = await dekStore.get(next.id);
    if (!item || item.etag === etag) return undefined;
    const stored = parseDekRow(item.value, next.id);
    return isDeepStrictEqual({ ...stored }, { ...next }) ? true : undefined;
  } catch {
    // The original failure is the one to report.
    return undefined;
  }
}
