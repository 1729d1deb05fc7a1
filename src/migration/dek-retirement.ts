/** Takes old DEKs out of use: retires them, and in the end shreds them. @module */
import { timestampOf } from '../clock.js';
import { retiredRow, type RetiredDekRow } from '../dek/dek-row.js';
import type { KeyScope } from '../dek/key-scope.js';
import { shredRow } from '../dek/scope-shredder.js';
import { contended } from '../errors.js';
import { requireNoMac } from '../store/item-shape.js';
import type { DekGenerations } from './dek-generations.js';
import type { MigrationContext } from './migration-context.js';

/** Reads the generations of a scope again. */
export type ReadGenerations = (scope: KeyScope) => Promise<DekGenerations>;

const MOST_ATTEMPTS = 8;

export interface Retirement {
  /** The dekIds that this call retired. */
  readonly retired: readonly string[];
  /** Read once none was active any more. */
  readonly generations: DekGenerations;
}

/**
 * Retires the old rows that are active, and resolves only once they were read as retired.
 *
 * @param beforeRetire - Called before each such write is sent.
 */
export async function retireOld(
  context: MigrationContext,
  scope: KeyScope,
  { read, beforeRetire }: { readonly read: ReadGenerations; readonly beforeRetire: () => void },
): Promise<Retirement> {
  const sent = new Map<string, string>();
  let failure: { readonly error: unknown } | undefined;
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const generations = await read(scope);
    if (generations.oldActive.length === 0)
      return { retired: generations.retiredAsSent(sent), generations };
    for (const item of generations.oldActive) {
      await context.requireLease();
      beforeRetire();
      const row = retiredRow(item.row, timestampOf(context.clock));
      sent.set(row.id, row.retiredAt);
      failure = await tryReplace(context, row, item.etag);
    }
    context.services.scopeRows.forget(scope.scopeId);
  }
  if (failure) throw failure.error;
  throw contended(`Retiring the DEKs of scope ${scope.scopeId}`, MOST_ATTEMPTS);
}

/** @returns The dekIds that this call shredded; one that is active by now stays. */
export async function shredRetired(
  context: MigrationContext,
  scope: KeyScope,
  read: ReadGenerations,
): Promise<string[]> {
  const shredded: string[] = [];
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const retired = (await read(scope)).old.filter(({ row }) => row.state === 'retired');
    if (retired.length === 0) return shredded;
    for (const item of retired) {
      await context.requireLease();
      if (await shredRow(context, item)) shredded.push(item.row.id);
      context.sharedCache?.invalidate(item.row.id);
    }
    context.services.scopeRows.forget(scope.scopeId);
  }
  throw contended(`Shredding the retired DEKs of scope ${scope.scopeId}`, MOST_ATTEMPTS);
}

/** What went wrong, if anything did: the next read tells what became of the row. */
async function tryReplace(
  { dekStore }: MigrationContext,
  row: RetiredDekRow,
  etag: string,
): Promise<{ readonly error: unknown } | undefined> {
  requireNoMac(row, `DEK row ${row.id}`);
  try {
    await dekStore.replace(row, etag);
    return undefined;
  } catch (error) {
    return { error };
  }
}
