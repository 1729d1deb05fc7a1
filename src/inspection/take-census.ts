/** Counts the DEK rows of a product by MEK version and epoch. @module */
import { readRotationItem, type DekStore } from '../store/dek-store.js';
import { systemClock, type Clock } from '../async/clock.js';
import { readEncryption, requireIdentifier } from '../guards/guards.js';
import { signalIn, type CallOptions, unlessAborted } from '../async/abort.js';
import type { MekReference } from '../format/dek-row.js';
import { CheckedDekStore } from '../store/checked-dek-store.js';
import { dekRowPages } from '../run/change-row.js';
import { CensusCount } from './census-count.js';
import { epochsSeenBy } from '../dek/dek-bounds.js';
import { parseRotationRecord, type RotationState } from '../format/rotation-record.js';

interface CountedEncryption {
  readonly product: string;
  readonly dekStore: DekStore;
  readonly minimumEpoch?: number;
  readonly clock?: Clock;
}

/** Rows that one MEK version unwraps. */
export interface WrapCensus extends MekReference {
  readonly active: number;
  readonly retired: number;
  /** Rows under another version that keep an earlier wrap under this one. */
  readonly previousWraps: number;
}

/** A row that cannot be read, and why. */
export interface UnreadableRow {
  readonly dekId: string;
  readonly error: unknown;
}

export interface Census {
  readonly product: string;
  /** Absent for a product without a DEK so far, or with a lost record. */
  readonly rotation:
    (MekReference & { readonly epoch: number; readonly state: RotationState }) | undefined;
  /** Rows of any state. */
  readonly rows: number;
  readonly active: number;
  readonly retired: number;
  readonly shredded: number;
  /**
   * One entry for each MEK version that any row names, the most used first: every version that the rotation
   * record names, and 256 others.
   */
  readonly wraps: readonly WrapCensus[];
  /** Rows under further versions, or under names of more than 256 characters; absent for none. */
  readonly otherWraps?: Omit<WrapCensus, keyof MekReference>;
  /** Live rows for each epoch, the newest first: 256 epochs, and that of the rotation record. */
  readonly epochs: readonly { readonly epoch: number; readonly rows: number }[];
  /** Live rows of further epochs; absent for none. */
  readonly otherEpochs?: number;
  /** Live rows that are not on the rotation's target, or below its epoch. */
  readonly behind: number;
  /** Live rows above the rotation's epoch: the record is older than they are. */
  readonly ahead: number;
  readonly unreadable: number;
  /** The first hundred of them; `findUnreadableRows` finds all. */
  readonly unreadableRows: readonly UnreadableRow[];
  /**
   * The rotation is complete, and every live row is on its target and epoch. False where the rotation record
   * is below `minimumEpoch`, or below an epoch that the encryptor has seen: it was restored from an older
   * state.
   */
  readonly settled: boolean;
}

/**
 * Counts the DEK rows of a product: which MEK versions they need, and whether a rotation missed any.
 *
 * Reads only: the rotation record first, then every row once. Rows that change during the scan count as they
 * were read. It unwraps nothing, so a row counts by its own statements. Where reads of the store may lag, by
 * its `readLagMs`, recent writes may be missing: wait that long before you rely on the result.
 *
 * @param encryption - A `FieldEncryptor`, or its product and store.
 * @throws Errors of the store; TamperedError or `ROW_UNSUPPORTED` for a rotation record that cannot be read.
 *   An unreadable row is counted and named.
 *
 * @example
 * ```ts
 * import { takeCensus } from '@bytelyst/field-encrypt';
 * import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';
 *
 * const census = await takeCensus({ product: 'notelett', dekStore: new MemoryDekStore() });
 * for (const { mekVersion, active, retired } of census.wraps) console.log(mekVersion, active + retired);
 * console.log(census.unreadable, census.settled); // 0 false
 * ```
 */
export async function takeCensus(
  encryption: CountedEncryption,
  options?: CallOptions,
): Promise<Census> {
  const signal = signalIn(options);
  return unlessAborted(signal, () => count(encryption, signal));
}

async function count(
  encryption: CountedEncryption,
  signal: AbortSignal | undefined,
): Promise<Census> {
  const { product, dekStore, clock = systemClock } = readEncryption(encryption);
  requireIdentifier('product', product);
  const store = new CheckedDekStore(dekStore, { product, clock });
  const item = await readRotationItem(store, product, { signal });
  const record = item && parseRotationRecord(item.value, product);
  const counted = new CensusCount(product, record, epochsSeenBy(encryption).least);
  for await (const items of dekRowPages(store, { product }, signal)) {
    for (const each of items) counted.add(each);
  }
  return counted.result();
}
