/** Opens the DEK of a row that is to be rewrapped. @module */
import type { LiveDekRow, PreviousWrap } from '../format/dek-row.js';
import { unwrapDekBytes } from '../dek/dek-unwrapper.js';
import { primaryWrap } from '../format/rewrapped-row.js';
import { hasCode } from '../errors/errors.js';
import { wrapIn } from '../format/key-wrap.js';
import { idOf } from '../run/scanned-row.js';
import type { StoredItem } from '../store/dek-store.js';
import type { DekLoss, RowOutcome } from './rewrap-event.js';
import type { RotationContext } from './rotation-context.js';

export interface OpenedDek {
  /** The DEK itself: wipe it after use. */
  readonly bytes: Uint8Array;
  /** The wrap that it came out of. */
  readonly from: PreviousWrap;
  /** The primary wrap was broken, and the previous one was not. */
  readonly repaired: boolean;
  /** It came out of the recovery wrap: nobody knows whether `from` holds it. */
  readonly recovered?: true;
}

/** Opens DEKs whose rows' own wraps may be of no use any more. */
export interface DekOpening {
  /** Before anything is written; what it throws ends the run. */
  requireUseful(context: RotationContext): Promise<void>;
  open(context: RotationContext, row: LiveDekRow): Promise<OpenedDek>;
  /** What the failure to move a row means for its DEK; `undefined` where it is not lost. */
  lossOf(item: StoredItem, error: unknown): DekLoss | undefined;
}

/** Never from a cache: what is wrapped again must be what was stored. */
export function openDek(context: RotationContext, row: LiveDekRow): Promise<OpenedDek> {
  return context.opening ? context.opening.open(context, row) : openOwnDek(context, row);
}

/** What is reported of a row that could not be moved. */
export function failedOutcome(
  { opening }: RotationContext,
  item: StoredItem,
  error: unknown,
): RowOutcome {
  const loss = opening?.lossOf(item, error);
  return { type: 'failed', dekId: idOf(item), error, ...(loss && { loss }) };
}

/** With the row's own wrap. */
async function openOwnDek(context: RotationContext, row: LiveDekRow): Promise<OpenedDek> {
  try {
    const bytes = await unwrapDekBytes(context, row, { signal: context.signal });
    return { bytes, from: primaryWrap(row), repaired: false };
  } catch (error) {
    const { previousWrap } = row;
    if (!previousWrap || !hasCode(error, 'TAMPERED')) throw error;
    const bytes = await openPrevious(context, row, previousWrap);
    if (!bytes) throw error;
    return { bytes, from: previousWrap, repaired: true };
  }
}

/**
 * Whether the wrap that a row kept gives its DEK.
 *
 * @throws What the provider reports of itself: it says nothing about the wrap.
 */
export async function opensFromPrevious(
  context: Pick<RotationContext, 'product' | 'providers' | 'signal'>,
  row: LiveDekRow,
): Promise<boolean> {
  const { previousWrap } = row;
  if (!previousWrap) return false;
  try {
    (await unwrapPrevious(context, row, previousWrap)).fill(0);
    return true;
  } catch (error) {
    if (hasCode(error, 'TAMPERED')) return false;
    throw error;
  }
}

async function openPrevious(
  context: RotationContext,
  row: LiveDekRow,
  previousWrap: PreviousWrap,
): Promise<Uint8Array | undefined> {
  try {
    return await unwrapPrevious(context, row, previousWrap);
  } catch {
    // The row is reported with what is wrong with its primary wrap.
    return undefined;
  }
}

function unwrapPrevious(
  { product, providers, signal }: Pick<RotationContext, 'product' | 'providers' | 'signal'>,
  row: LiveDekRow,
  previousWrap: PreviousWrap,
): Promise<Uint8Array> {
  return unwrapDekBytes({ product, providers }, { ...row, ...wrapIn(previousWrap) }, { signal });
}
