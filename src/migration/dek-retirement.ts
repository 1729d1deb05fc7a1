/** Takes old DEKs out of use: retires them, and finally shreds them. @module */
import { MOST_ATTEMPTS } from '../store/compare-and-set.js';
import { timestampOf } from '../async/clock.js';
import {
  leftUseAt,
  retiredRow,
  tombstoneOf,
  type ActiveDekRow,
  type LiveDekRow,
  type RetiredDekRow,
  type ShreddedDekRow,
} from '../format/dek-row.js';
import type { KeyScope } from '../format/key-scope.js';
import type { RowItem } from '../dek/scope-shredder.js';
import { contended, hasCode } from '../errors/errors.js';
import { requireNoMac } from '../format/item-shape.js';
import type { DekGenerations } from './dek-generations.js';
import type { MigrationContext } from './migration-options.js';

/** Reads the generations of a scope again. */
export type ReadGenerations = (scope: KeyScope) => Promise<DekGenerations>;

export interface Retirement {
  /** The dekIds that this call retired. */
  readonly retired: readonly string[];
  /** The generations as read after none of the old ones was active any more. */
  readonly generations: DekGenerations;
}

/**
 * Retires the old rows that are active, and resolves only once they were read as retired.
 *
 * @param beforeSend - Called before each such write is sent.
 */
export async function retireOld(
  context: MigrationContext,
  scope: KeyScope,
  { read, beforeSend }: { readonly read: ReadGenerations; readonly beforeSend: () => void },
): Promise<Retirement> {
  const { changed, generations } = await changeAll<ActiveDekRow>(context, scope, {
    what: 'Retiring',
    read,
    left: ({ oldActive }) => oldActive,
    changed: retiredRow,
    beforeSend,
  });
  return { retired: changed, generations };
}

/**
 * @param mayBeInUse - Whether writers may still seal under a retired row: it is not shredded.
 * @returns The dekIds that this call shredded; a DEK that is active by now is not shredded.
 */
export async function shredRetired(
  context: MigrationContext,
  scope: KeyScope,
  {
    read,
    mayBeInUse,
  }: { readonly read: ReadGenerations; readonly mayBeInUse: (row: LiveDekRow) => boolean },
): Promise<readonly string[]> {
  const { changed } = await changeAll<LiveDekRow>(context, scope, {
    what: 'Shredding',
    read,
    left: ({ old }) => old.filter(({ row }) => row.state === 'retired' && !mayBeInUse(row)),
    changed: tombstoneOf,
  });
  return changed;
}

interface Change<Row extends LiveDekRow> {
  readonly what: string;
  readonly read: ReadGenerations;
  /** Rows that still have to be changed. */
  readonly left: (generations: DekGenerations) => readonly RowItem<Row>[];
  readonly changed: (row: Row, at: string) => RetiredDekRow | ShreddedDekRow;
  readonly beforeSend?: () => void;
}

interface Changed {
  /** The dekIds that this call changed, including writes whose answer was lost. */
  readonly changed: readonly string[];
  readonly generations: DekGenerations;
}

/** Whatever a write returned, only a read shows its effect, and that nothing is left. */
async function changeAll<Row extends LiveDekRow>(
  context: MigrationContext,
  scope: KeyScope,
  change: Change<Row>,
): Promise<Changed> {
  const sent = new Map<string, string>();
  let failure: { readonly error: unknown } | undefined;
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const generations = await change.read(scope);
    const items = change.left(generations);
    if (items.length === 0) return { changed: generations.changedAsSent(sent), generations };
    for (const { row, etag } of items) {
      requireNoMac(row, `DEK row ${row.id}`);
      const changed = change.changed(row, timestampOf(context.clock));
      await context.requireLease();
      change.beforeSend?.();
      sent.set(row.id, leftUseAt(changed));
      failure = await send(context, changed, etag);
    }
    context.services.scopeRows.forget(scope.scopeId);
  }
  if (failure && !hasCode(failure.error, 'ETAG_MISMATCH')) throw failure.error;
  throw contended(`${change.what} the old DEKs of scope ${scope.scopeId}`, MOST_ATTEMPTS);
}

async function send(
  { dekStore, dekCache }: MigrationContext,
  row: RetiredDekRow | ShreddedDekRow,
  etag: string,
): Promise<{ readonly error: unknown } | undefined> {
  try {
    await dekStore.replace(row, etag);
    return undefined;
  } catch (error) {
    return { error };
  } finally {
    // Whether or not the answer arrived, this process no longer uses the DEK.
    if (row.state === 'shredded') dekCache?.invalidate(row.id);
  }
}
