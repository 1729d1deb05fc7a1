/** Checks that a rollback goes back to a version that opens what is stored under it. @module */
import { unwrapDekBytes } from '../dek/dek-wraps.js';
import { hasCode, type TamperedError } from '../errors/errors.js';
import {
  isLive,
  type LiveDekRow,
  describeMek,
  isSameMek,
  wrapIn,
  type MekReference,
} from '../format/dek-row.js';
import { dekRowPages, rowIn } from '../run/change-row.js';
import { KnownMeks, meksOfRecord, meksOfRow } from '../run/known-meks.js';
import type { StoredItem } from '../store/dek-store.js';
import type { RotationContext } from './rewrap-all-deks.js';
import { MOST_BROKEN } from './rotation.js';

/**
 * Unwraps one wrap that is stored under the target: a new key with the same name would pass the round trip
 * alone. Where no row is left under it, the record must name it.
 *
 * @throws The failure of the unwrap; RangeError for a version that the product never used.
 */
export async function requireRollbackTarget(context: RotationContext): Promise<void> {
  const { dekStore, product, request, signal, target } = context;
  const broken: TamperedError[] = [];
  const known = new KnownMeks();
  for await (const items of dekRowPages(dekStore, { product }, signal)) {
    for (const item of items) {
      const row = rowUnder(target, item, product);
      if (!row) {
        known.add(...meksOfRow(item, product));
        continue;
      }
      const failure = await failureOf(context, row);
      if (!failure) return;
      if (broken.push(failure) === MOST_BROKEN) throw failure;
    }
  }
  if (broken[0]) throw broken[0];
  if (!request.allowUnknown) await requireNamed(context, known);
}

/** The row as if its wrap under the target were its primary one. */
function rowUnder(target: MekReference, item: StoredItem, product: string): LiveDekRow | undefined {
  try {
    const row = rowIn(item, product);
    if (!isLive(row)) return undefined;
    const wraps = row.previousWrap ? [row.previousWrap, row] : [row];
    const wrap = wraps.find((each) => isSameMek(each, target));
    return wrap && { ...row, ...wrapIn(wrap) };
  } catch {
    // The scans that follow report it.
    return undefined;
  }
}

/** Returns a failure of the row alone. @throws A failure of the target, or of the connection to it. */
async function failureOf(
  context: RotationContext,
  row: LiveDekRow,
): Promise<TamperedError | undefined> {
  try {
    (await unwrapDekBytes(context, row, { signal: context.signal })).fill(0);
    return undefined;
  } catch (error) {
    if (hasCode(error, 'TAMPERED')) return error as TamperedError;
    throw error;
  }
}

async function requireNamed(
  { product, records, target }: RotationContext,
  known: KnownMeks,
): Promise<void> {
  const named = meksOfRecord((await records.readUnlessNew())?.record);
  if (named.some((each) => isSameMek(each, target))) return;
  known.add(...named);
  const name = describeMek(target);
  throw new RangeError(
    `The product "${product}" was never on ${name}: no row is under it, and the rotation record does not name it; ${known.hintFor(name)} pass "allowUnknown: true", or rotate to it with rewrapAllDeks`,
  );
}
