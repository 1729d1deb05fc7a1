/** Proves that a MEK version still opens what was stored under it, before a rollback begins. @module */
import { isLive, type LiveDekRow } from '../format/dek-row.js';
import { unwrapDekBytes } from '../dek/dek-unwrapper.js';
import { hasCode } from '../errors/errors.js';
import { describeMek, isSameMek, wrapIn, type MekReference } from '../format/key-wrap.js';
import type { StoredItem } from '../store/dek-store.js';
import { dekRowPages, rowIn } from '../run/scanned-row.js';
import type { RotationContext } from './rotation-context.js';

interface Failure {
  readonly error: unknown;
}

/** Rows that are broken prove nothing against the version; so many of them do. */
const MOST_BROKEN = 8;

/**
 * Unwraps one wrap that is stored under the target: the round trip alone would be passed by a key of
 * the same name that was made anew. Where nothing is left under it, the record has to name it.
 *
 * @throws What the unwrap failed with; RangeError for a version that the product was never on.
 */
export async function requireWayBack(context: RotationContext): Promise<void> {
  const { dekStore, product, signal, target } = context;
  const broken: Failure[] = [];
  for await (const items of dekRowPages(dekStore, { product }, signal)) {
    for (const item of items) {
      const row = rowUnder(target, item, product);
      if (!row) continue;
      const failure = await failureOf(context, row);
      if (!failure) return;
      if (broken.push(failure) === MOST_BROKEN) throw failure.error;
    }
  }
  if (broken[0]) throw broken[0].error;
  await requireNamed(context);
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

/** What is wrong with the row alone. @throws What is wrong with the target, or with the way to it. */
async function failureOf(context: RotationContext, row: LiveDekRow): Promise<Failure | undefined> {
  try {
    (await unwrapDekBytes(context, row, { signal: context.signal })).fill(0);
    return undefined;
  } catch (error) {
    if (hasCode(error, 'TAMPERED')) return { error };
    throw error;
  }
}

async function requireNamed({ records, product, target }: RotationContext): Promise<void> {
  const record = (await records.readUnlessNew())?.record;
  const named = record ? [record, ...record.history] : [];
  if (named.some((each) => isSameMek(each, target))) return;
  throw new RangeError(
    `The product "${product}" was never on ${describeMek(target)}: there is no row under it, and the rotation record does not name it; rotate to it with rewrapAllDeks`,
  );
}
