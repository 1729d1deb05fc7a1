/** Changes one DEK row at a time, over the etag that was read. @module */
import { isDeepStrictEqual } from 'node:util';
import { parseDekRow, type DekRow } from '../format/dek-row.js';
import { contended } from '../errors/errors.js';
import { MOST_ATTEMPTS, tryWrite } from '../store/compare-and-set.js';
import type { DekStore, StoredItem } from '../store/dek-store.js';
import { idOf, rowIn } from './scanned-row.js';
import type { Settled } from './run-counter.js';
import type { ItemOutcome } from './run-event.js';

/** What is to become of a row as it was read; `undefined` where it is no longer stored so. */
export type RowChange<Outcome> =
  | {
      readonly outcome: Outcome;
      /** What is to be stored instead; absent where nothing is. */
      readonly next?: DekRow;
      /** Once that is stored. */
      readonly written?: () => void;
    }
  | undefined;

export interface RowAttempt {
  readonly item: StoredItem;
  /** Writes of other processes that came first so far. */
  readonly lostRaces: number;
}

/** What differs between the runs over rows. */
export interface RowKind<Outcome extends ItemOutcome> {
  /** For the error where others write the row all the time. */
  readonly what: string;
  /** What it throws is wrong with this row alone, unless it ends the run. */
  readonly change: (row: DekRow, attempt: RowAttempt) => Promise<RowChange<Outcome>>;
  readonly failed: (failure: RowFailure) => Outcome;
  readonly removed: (dekId: string) => Outcome;
  /** After a row was read again, and before anything is written because of it. */
  readonly afterRead: () => Promise<unknown>;
  /** Last thing before a write: the caller may have paused for long since the page was read. */
  readonly beforeWrite: () => Promise<void>;
  /** Whether it ends the run, and not just this row's turn. */
  readonly endsRun: (error: unknown) => boolean;
}

export interface RowFailure {
  readonly dekId: string;
  readonly item: StoredItem;
  readonly error: unknown;
}

interface RowContext {
  readonly product: string;
  readonly dekStore: Required<DekStore>;
  readonly signal: AbortSignal | undefined;
}

/**
 * What becomes of a row; where another process writes it first, it is read again and decided anew.
 *
 * @throws The signal's reason, and whatever ends the run. What is wrong with the row alone is its outcome.
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
  // Without the signal: once sent, a write is let finish.
  const write = async (): Promise<true> => {
    await dekStore.replace(next, etag);
    return true;
  };
  return tryWrite(write, () => isStored(dekStore, next, etag));
}

async function isStored(
  dekStore: Required<DekStore>,
  next: DekRow,
  etag: string,
): Promise<true | undefined> {
  try {
    const item = await dekStore.get(next.id);
    if (!item || item.etag === etag) return undefined;
    const stored = parseDekRow(item.value, next.id);
    return isDeepStrictEqual({ ...stored }, { ...next }) ? true : undefined;
  } catch {
    // The failure that led here is the one to report.
    return undefined;
  }
}
