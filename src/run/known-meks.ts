/** Refuses a MEK version that a product never used: most often, its name is misspelt. @module */
import {
  describeMek,
  isLive,
  isSameMek,
  type LiveDekRow,
  mekIn,
  type MekReference,
} from '../format/dek-row.js';
import type { RotationRecord } from '../format/rotation-record.js';
import { nearestName } from '../guards/guards.js';
import type { StoredItem } from '../store/dek-store.js';
import { dekRowPages, rowIn } from './change-row.js';
import type { RunContext } from './run-context.js';

export interface UnknownMekOptions {
  /**
   * Whether a MEK version may be named that no DEK row and no entry of the rotation record has: its name is
   * probably misspelt. The record has the newest 64 rotations.
   *
   * @default false
   */
  readonly allowUnknown?: boolean;
}

/** Rows may be forged: no more names are kept. */
const MOST_KEPT = 256;
const MOST_IN_MESSAGE = 5;

export function meksOfRecord(record: RotationRecord | undefined): readonly MekReference[] {
  return record ? [record, ...record.history] : [];
}

/** Of both wraps; none of a row that cannot be read, or that is a tombstone. */
export function meksOfRow(item: StoredItem, product: string): readonly MekReference[] {
  try {
    const row = rowIn(item, product);
    return isLive(row) ? meksOfLiveRow(row) : [];
  } catch {
    return [];
  }
}

export function meksOfLiveRow(row: LiveDekRow): readonly MekReference[] {
  return row.previousWrap ? [row, row.previousWrap] : [row];
}

/** Some of the MEK versions that the rotation record and the rows of a product name, for messages. */
export class KnownMeks {
  readonly #byName = new Map<string, MekReference>();

  add(...meks: readonly MekReference[]): void {
    for (const mek of meks) {
      if (this.#byName.size < MOST_KEPT) this.#byName.set(describeMek(mek), mekIn(mek));
    }
  }

  /** The nearest known name, or all of them, in words. */
  hintFor(name: string, nameOf: (mek: MekReference) => string = describeMek): string {
    const names = [...new Set([...this.#byName.values()].map(nameOf))];
    const nearest = nearestName(name, names);
    if (nearest !== undefined) return `did you mean ${nearest}?`;
    const more = names.length > MOST_IN_MESSAGE ? ' and more' : '';
    return `known are ${names.slice(0, MOST_IN_MESSAGE).join(', ')}${more};`;
  }
}

/** @throws RangeError for a version that neither the rotation record nor a row names. */
export function requireKnownMek(
  context: RunContext,
  option: string,
  mek: MekReference,
): Promise<void> {
  const isMeant = (each: MekReference): boolean => isSameMek(each, mek);
  return requireKnown(context, { option, name: describeMek(mek), isMeant, nameOf: describeMek });
}

/** The same for a version of any provider and MEK. */
export function requireKnownVersion(
  context: RunContext,
  option: string,
  mekVersion: string,
): Promise<void> {
  const isMeant = (each: MekReference): boolean => each.mekVersion === mekVersion;
  const nameOf = (each: MekReference): string => each.mekVersion;
  return requireKnown(context, { option, name: mekVersion, isMeant, nameOf });
}

interface NamedVersion {
  readonly option: string;
  readonly name: string;
  readonly isMeant: (mek: MekReference) => boolean;
  readonly nameOf: (mek: MekReference) => string;
}

async function requireKnown(
  { product, records, dekStore, signal }: RunContext,
  { option, name, isMeant, nameOf }: NamedVersion,
): Promise<void> {
  const record = (await records.readUnlessNew())?.record;
  // A product without a record has no rows either.
  if (!record) return;
  const known = new KnownMeks();
  known.add(...meksOfRecord(record));
  if (meksOfRecord(record).some(isMeant)) return;
  for await (const items of dekRowPages(dekStore, { product }, signal)) {
    for (const item of items) {
      const meks = meksOfRow(item, product);
      if (meks.some(isMeant)) return;
      known.add(...meks);
    }
  }
  throw unknownMek(product, { option, name, hint: known.hintFor(name, nameOf) });
}

interface UnknownMek {
  readonly option: string;
  readonly name: string;
  /** Of {@link KnownMeks}. */
  readonly hint: string;
}

export function unknownMek(product: string, { option, name, hint }: UnknownMek): RangeError {
  return new RangeError(
    `"${option}" names ${name}, which no DEK row and no entry of the rotation record of the product "${product}" has: ${hint} pass "allowUnknown: true" for a version that left no trace`,
  );
}
