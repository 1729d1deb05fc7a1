/** Finds every DEK row that cannot be read. @module */
import { GenerationBound, type FloorSource } from '../dek/dek-bounds.js';
import { isScope, isScopeKind, type DekRow } from '../format/dek-row.js';
import { isUnreadable } from '../format/item-shape.js';
import { scopeIdIn, scopeIdOf, type ScopeKind } from '../format/key-scope.js';
import { parseRotationRecord, type RotationRecord } from '../format/rotation-record.js';
import { dekRowPages, idOf, rowIn } from '../run/change-row.js';
import type { OutcomeOf } from '../run/run-event.js';
import {
  type Finding,
  readSearchOptions,
  search,
  searchContext,
  type SearchedEncryption,
  type SearchFinishedEvent,
  type SearchOptions,
  type SearchSummary,
} from '../run/search.js';
import { readRotationItem, type DekStore, type StoredItem } from '../store/dek-store.js';
import type { ChargedEvent } from '../store/run-charge.js';

/** Rows of the product, of any state; `scanned` is always the sum of the others. */
interface UnreadableRowCounts {
  readonly scanned: number;
  readonly readable: number;
  readonly unreadable: number;
}

interface UnreadableRowEvent extends ChargedEvent {
  readonly type: 'unreadable';
  readonly dekId: string;
  /** The parts of the row's scope, where the row has them and they belong to the dekId. */
  readonly scope?: readonly string[];
  /** `TAMPERED`, `ROW_UNSUPPORTED`, or why the store could not decode it. */
  readonly error: unknown;
  /** Counts so far, this row included. */
  readonly counts: UnreadableRowCounts;
}

export interface UnreadableRowsSummary extends UnreadableRowCounts, SearchSummary {}

export type UnreadableRowsEvent = SearchFinishedEvent<UnreadableRowsSummary> | UnreadableRowEvent;

/**
 * Finds every DEK row of a product that cannot be read, for quarantine and repair: altered rows, rows that a
 * later version wrote, rows that the database returns broken. A census counts all of them, and names the
 * first hundred.
 *
 * Reads only. Nothing happens before the first `next()`, and every row is read once. It unwraps nothing: a
 * readable row may still hold a broken wrap, which the dry run of `rewrapAllDeks` finds.
 *
 * @param encryption - A `FieldEncryptor`, or its product and store.
 * @returns An event for each such row, and `finished` with the summary, which the generator also returns.
 * @throws TypeError or RangeError for invalid options. Errors of the store where it cannot list: run it
 *   again. The signal's reason when it aborts.
 *
 * @example
 * ```ts
 * import { findUnreadableRows, isFieldEncryptionError } from '@bytelyst/field-encrypt';
 * import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';
 *
 * const encryption = { product: 'notelett', dekStore: new MemoryDekStore() };
 * for await (const event of findUnreadableRows(encryption, { allowEmpty: true })) {
 *   if (event.type === 'finished') console.log(event.summary.unreadable); // 0
 *   else if (isFieldEncryptionError(event.error)) console.log(event.dekId, event.error.code);
 * }
 * ```
 */
export async function* findUnreadableRows(
  encryption: SearchedEncryption,
  options: SearchOptions = {},
): AsyncGenerator<UnreadableRowsEvent, UnreadableRowsSummary, void> {
  const context = searchContext(encryption, readSearchOptions(options).request);
  const { product, dekStore, signal } = context;
  const bound = new GenerationBound(floorSource(dekStore, product, signal));
  return yield* search(context, {
    head: { product },
    nothing: { scanned: 0, readable: 0, unreadable: 0 },
    pages: dekRowPages(dekStore, { product }, signal),
    check: (item) => findingOf(item, product, bound),
  });
}

async function findingOf(
  item: StoredItem,
  product: string,
  bound: GenerationBound,
): Promise<Finding<UnreadableRowCounts, OutcomeOf<UnreadableRowEvent>>> {
  const failure = await failureOf(item, product, bound);
  if (!failure) return { adds: { readable: 1 }, events: [] };
  const { error } = failure;
  const event = {
    type: 'unreadable',
    dekId: idOf(item),
    ...scopeIn(item, product),
    error,
  } as const;
  return { adds: { unreadable: 1 }, events: [event] };
}

/** Read once, and only for a row so high that the floor decides; a broken record decides nothing. */
function floorSource(
  store: DekStore,
  product: string,
  signal: AbortSignal | undefined,
): FloorSource {
  let reading: Promise<{ readonly record: RotationRecord } | undefined> | undefined;
  const read = async (): Promise<{ readonly record: RotationRecord } | undefined> => {
    try {
      const item = await readRotationItem(store, product, { signal });
      return item && { record: parseRotationRecord(item.value, product) };
    } catch (error) {
      if (isUnreadable(error)) return undefined;
      throw error;
    }
  };
  return { freshCopy: () => undefined, read: () => (reading ??= read()) };
}

/** `undefined` for a readable row. */
async function failureOf(
  item: StoredItem,
  product: string,
  bound: GenerationBound,
): Promise<{ readonly error: unknown } | undefined> {
  let row: DekRow;
  try {
    row = rowIn(item, product);
  } catch (error) {
    return { error };
  }
  const error = await bound.refusalOf(row.id);
  return error && { error };
}

/** Only parts that are hashed into the row's own id: other parts could be anything. */
function scopeIn(item: StoredItem, product: string): { readonly scope?: readonly string[] } {
  const { scopeKind, scope } = (item.value ?? {}) as Readonly<Record<string, unknown>>;
  if (!isScopeKind(scopeKind) || !isScope(scope)) return {};
  const parts = scope as readonly string[];
  return scopeIdOf(scopeKind as ScopeKind, product, parts) === scopeIdIn(idOf(item))
    ? { scope: parts }
    : {};
}
