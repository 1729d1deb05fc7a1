/** Opens the DEK of a row that is to be rewrapped. @module */
import type { LiveDekRow, PreviousWrap } from '../dek/dek-row.js';
import type { Dek } from '../dek/dek.js';
import { unwrapDek } from '../dek/dek-unwrapper.js';
import { primaryWrap } from '../dek/rewrapped-row.js';
import { hasCode } from '../errors.js';
import { wrapIn } from '../provider/key-wrap.js';
import type { RotationContext } from './rotation-context.js';

export interface OpenedDek {
  readonly dek: Dek;
  /** The wrap that it came out of. */
  readonly from: PreviousWrap;
  /** The primary wrap was broken, and the previous one was not. */
  readonly repaired: boolean;
}

/** With the row's own wrap and never from a cache: what is wrapped again must be what was stored. */
export async function openDek(context: RotationContext, row: LiveDekRow): Promise<OpenedDek> {
  try {
    const dek = await unwrapDek(context, row, { signal: context.signal });
    return { dek, from: primaryWrap(row), repaired: false };
  } catch (error) {
    const { previousWrap } = row;
    if (!previousWrap || !hasCode(error, 'TAMPERED')) throw error;
    const dek = await openPrevious(context, row, previousWrap);
    if (!dek) throw error;
    return { dek, from: previousWrap, repaired: true };
  }
}

async function openPrevious(
  context: RotationContext,
  row: LiveDekRow,
  previousWrap: PreviousWrap,
): Promise<Dek | undefined> {
  try {
    return await unwrapDek(
      context,
      { ...row, ...wrapIn(previousWrap) },
      { signal: context.signal },
    );
  } catch {
    // The row is reported with what is wrong with its primary wrap.
    return undefined;
  }
}
